import { connect, type OnReadOpts, type Socket } from 'node:net';
import { NO_HANDLES, Outcome, type PickContext } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedSubset } from '../upstream/plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { OWN_FAULTS } from './own-faults.ts';

/** Other nodes that are tried when the configuration does not say how many. */
const MAX_RETRIES = 8;

export interface DialOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** How the socket reads once it is connected. */
  readonly onread: OnReadOpts;
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
  readonly #startedAt: number;
  #triedAt = 0;
  #socket: Socket | null = null;
  #handle: TableHandle | null = null;

  constructor(upstream: Upstream, subset: PlannedSubset | null, options: DialOptions) {
    this.#upstream = upstream;
    this.#subset = subset;
    this.#options = options;
    this.#timer = new WheelTimer(() => this.#timedOut());
    this.#startedAt = options.clock.now();
  }

  start(): void {
    if (!this.#upstream.admits()) {
      return this.#options.onFailed(
        failure(`upstream ${this.#upstream.plan.id}: its circuit breaker is open`, 'BREAKER_OPEN'),
      );
    }
    const handle = this.#pick();
    if (handle) this.#try(handle);
    else this.#options.onFailed(failure(`upstream ${this.#upstream.plan.id} has no node to connect to`, 'NO_NODE'));
  }

  /** Gives up at once. Neither `onConnected` nor `onFailed` follows. */
  cancel(): void {
    const handle = this.#handle;
    if (!handle) return;
    this.#stopTry()?.destroy();
    handle.end(Outcome.aborted, this.#options.clock.now());
  }

  #try(handle: TableHandle): void {
    const { clock, wheel, onread } = this.#options;
    const { host, port } = handle.node;
    this.#handle = handle;
    handle.begin();
    this.#triedAt = clock.now();
    wheel.arm(this.#timer, this.#upstream.plan.timeouts.connect);
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true, onread });
    this.#socket = socket;
    socket.on('connect', () => this.#connected(socket));
    socket.on('error', (error) => this.#failed(error));
  }

  #connected(socket: Socket): void {
    const handle = this.#handle;
    if (!handle) return;
    this.#stopTry();
    handle.connected();
    const now = this.#options.clock.now();
    handle.answered(Math.max(1, (now - this.#triedAt) * 1000), now);
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
    handle.end(own ? Outcome.aborted : Outcome.connectFailure, now);
    this.#context.tried = [...this.#context.tried, handle];
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
    if (this.#context.tried.length > (retries ?? MAX_RETRIES)) return null;
    if (retryTimeout > 0 && this.#options.clock.now() - this.#startedAt >= retryTimeout) return null;
    return this.#pick();
  }

  #pick(): TableHandle | null {
    this.#context.now = this.#options.clock.now();
    return this.#upstream.pick(this.#context, this.#subset);
  }

  /** Ends the try under way and takes our listeners off its socket; a late error of the socket is swallowed. */
  #stopTry(): Socket | null {
    const socket = this.#socket;
    this.#socket = null;
    this.#handle = null;
    this.#options.wheel.remove(this.#timer);
    socket?.removeAllListeners('connect');
    socket?.removeAllListeners('error');
    socket?.on('error', ignore);
    return socket;
  }
}

function ignore(): void {}

function failure(message: string, code: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code, source: 'upstream', retry: 'safe', cause });
}
