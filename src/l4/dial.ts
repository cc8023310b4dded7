import { connect, type OnReadOpts, type Socket } from 'node:net';
import { hashAddress } from '../balancers/hash.ts';
import { NO_HANDLES, Outcome, type PickContext } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';
import { FURTHER_NODES } from '../upstream/further-nodes.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedSubset, PlannedTls } from '../upstream/plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { originateTls } from './originate-tls.ts';
import { OWN_FAULTS } from './own-faults.ts';
import type { ConnectionPeers } from './peers.ts';
import type { StreamRecord } from './stream-record.ts';
import { writeProxyHeader } from './write-proxy-header.ts';

export interface DialOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Whose connection it is made for. */
  readonly peers: ConnectionPeers;
  /** How the socket reads once it is connected. A TLS socket has no use for it: it reads by 'data' events. */
  readonly onread: OnReadOpts;
  /** Takes down the tries that fail, and the connection; null when nothing is logged. */
  readonly record: StreamRecord | null;
  /** A further node is tried. */
  onRetry(): void;
  /**
   * Connected: `handle` is counted in, and the owner counts it out. The socket has no listeners and is not read until
   * the owner has returned.
   */
  onConnected(socket: Socket, handle: TableHandle): void;
  /** No connection, and no further try: nothing is counted in any more. */
  onFailed(error: HeadgateError): void;
}

/**
 * A connection to a node of an upstream: to the one that the balancer picks, and when that fails, to another.
 *
 * Every try counts its node in and out. A node that can't be connected to is demoted at once for all workers.
 */
export class Dial {
  readonly #upstream: Upstream;
  readonly #subset: PlannedSubset | null;
  readonly #options: DialOptions;
  readonly #context: PickContext = { hash: 0, now: 0, tried: NO_HANDLES };
  readonly #timer: WheelTimer;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  #triedAt = 0;
  /** Tries that failed. */
  #failures = 0;
  #socket: Socket | null = null;
  #handle: TableHandle | null = null;

  constructor(upstream: Upstream, subset: PlannedSubset | null, options: DialOptions) {
    this.#upstream = upstream;
    this.#subset = subset;
    this.#options = options;
    this.#timer = new WheelTimer(() => this.#timedOut());
    this.startedAt = options.clock.now();
    if (upstream.plan.hash !== null) this.#context.hash = hashAddress(options.peers.remoteAddress ?? '');
  }

  start(): void {
    const { id } = this.#upstream.plan;
    if (!this.#upstream.admits()) {
      return this.#options.onFailed(failure(`upstream ${id}: its circuit breaker is open`, 'BREAKER_OPEN'));
    }
    const handle = this.#pick();
    if (handle) return this.#try(handle);
    this.#options.onFailed(
      this.#upstream.selection(this.#subset).isFull(this.#context)
        ? failure(`the nodes of upstream ${id} are at their node_limit`, 'NODES_FULL')
        : failure(`upstream ${id} has no node to connect to`, 'NO_NODE'),
    );
  }

  /** Gives up at once. Neither `onConnected` nor `onFailed` follows. */
  cancel(): void {
    const handle = this.#handle;
    if (!handle) return;
    this.#stopTry()?.destroy();
    this.#end(handle, Outcome.aborted, this.#options.clock.now());
  }

  #end(handle: TableHandle, outcome: Outcome, now: number): void {
    handle.end(outcome, now);
    this.#options.record?.tried(handle, outcome, this.#micros(now));
  }

  /** How long the try took, or has taken so far. */
  #micros(now: number): number {
    return Math.max(1, (now - this.#triedAt) * 1000);
  }

  #pick(): TableHandle | null {
    this.#context.now = this.#options.clock.now();
    return this.#upstream.pick(this.#context, this.#subset);
  }

  #try(handle: TableHandle): void {
    const { clock, wheel, onread } = this.#options;
    const { host, port } = handle.node;
    this.#handle = handle;
    handle.begin();
    this.#triedAt = clock.now();
    wheel.arm(this.#timer, this.#upstream.plan.timeouts.connect);
    const reading = this.#upstream.plan.stream?.tls ? {} : { onread };
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true, ...reading });
    this.#socket = socket;
    socket.on('connect', () => this.#connected(socket));
    socket.on('error', (error) => this.#failed(error));
  }

  #connected(socket: Socket): void {
    const stream = this.#upstream.plan.stream;
    if (stream && stream.proxyProtocol !== 0) {
      socket.write(writeProxyHeader(stream.proxyProtocol, this.#options.peers));
    }
    if (stream?.tls) this.#secure(socket, stream.tls);
    else this.#ready(socket);
  }

  /** The handshake is part of the try: what fails it is tried with another node. */
  #secure(socket: Socket, tls: PlannedTls): void {
    const handle = this.#handle;
    if (!handle) return;
    socket.removeAllListeners('error');
    socket.on('error', ignore);
    const secure = originateTls(socket, handle.node.host, tls);
    this.#socket = secure;
    secure.on('secureConnect', () => this.#ready(secure));
    secure.on('error', (error) => this.#failed(error));
  }

  #ready(socket: Socket): void {
    const handle = this.#handle;
    if (!handle) return;
    this.#stopTry();
    handle.connected();
    const now = this.#options.clock.now();
    const micros = this.#micros(now);
    handle.answered(micros, now);
    this.#options.record?.connected(micros);
    this.#options.onConnected(socket, handle);
  }

  #timedOut(): void {
    const error: NodeJS.ErrnoException = new Error('no connection in time');
    error.code = 'ETIMEDOUT';
    this.#failed(error);
  }

  #failed(error: NodeJS.ErrnoException): void {
    const handle = this.#handle;
    if (!handle) return;
    this.#stopTry()?.destroy();
    const own = OWN_FAULTS.has(error.code);
    const now = this.#options.clock.now();
    if (!own) this.#upstream.connectFailed(handle, now);
    this.#end(handle, own ? Outcome.aborted : Outcome.connectFailure, now);
    this.#context.tried = [...this.#context.tried, handle];
    this.#failures += 1;
    const next = own ? null : this.#next();
    if (next) {
      this.#options.onRetry();
      this.#try(next);
    } else {
      const text = `can't connect to ${formatAddress(handle.node)}: ${reasonOf(error)}`;
      this.#options.onFailed(failure(text, 'CONNECT_FAILED', error));
    }
  }

  /** The node for a further try; null when the bounds of the upstream allow none. */
  #next(): TableHandle | null {
    const { retries, retryTimeout } = this.#upstream.plan;
    if (this.#failures > (retries ?? FURTHER_NODES)) return null;
    if (retryTimeout > 0 && this.#options.clock.now() - this.startedAt >= retryTimeout) return null;
    return this.#pick();
  }

  /** Ends the try under way and takes our listeners off its socket; a late error of the socket is swallowed. */
  #stopTry(): Socket | null {
    const socket = this.#socket;
    this.#socket = null;
    this.#handle = null;
    this.#options.wheel.remove(this.#timer);
    socket?.removeAllListeners('connect');
    socket?.removeAllListeners('secureConnect');
    socket?.removeAllListeners('error');
    socket?.on('error', ignore);
    return socket;
  }
}

function ignore(): void {}

function failure(message: string, code: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code, source: 'upstream', retry: 'safe', cause });
}
