import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Address, formatAddress } from '../core/address.ts';
import { CidrSet } from '../core/cidr.ts';
import { reasonOf } from '../core/errors.ts';
import { listenError } from '../core/listen-error.ts';
import { ListenerField } from '../telemetry/counters.ts';
import type { DataPlane, ListenerPlan } from './listener.ts';
import type { ConnectionPeers } from './peers.ts';
import { Preface } from './preface.ts';
import { readProxyHeader } from './proxy-header.ts';
import { SparseLog } from './sparse-log.ts';
import { TlsTerminator } from './tls-terminator.ts';

/** Connections that may wait to be accepted; the system's own bound (net.core.somaxconn) holds besides. */
const BACKLOG = 4096;
/** How long a proxy may take for its PROXY header. */
const PROXY_HEADER_MS = 5000;
/** A header of the PROXY protocol is at most this long. */
const PROXY_HEADER_BYTES = 16_400;

export interface AcceptOptions {
  readonly plane: DataPlane;
  /** Where the address stands in the configuration. */
  readonly setting: 'listen' | 'stream_listen';
  /** True leaves an accepted socket unread until its `resume`. */
  readonly pauseOnConnect: boolean;
  /**
   * A connection is in. `peers` is the socket itself unless a proxy in front spoke for it. `socket` may be paused; it is a
   * TLSSocket where the listener terminates TLS.
   */
  onConnection(socket: Socket, peers: ConnectionPeers): void;
}

/**
 * A bound socket and what every connection to it goes through, HTTP and stream alike: the limits, the PROXY header, the TLS
 * handshake. Counts all that comes and goes. Without Nagle's delay; half-open allowed.
 */
export class AcceptingSocket {
  readonly #plan: ListenerPlan;
  readonly #options: AcceptOptions;
  readonly #server: Server;
  readonly #log: SparseLog;
  readonly #proxies: CidrSet | null;
  readonly #terminator: TlsTerminator | null;
  readonly #onClose: () => void;
  /** Not handed on yet. */
  readonly #entering = new Set<Socket>();
  #connections = 0;
  #stopped: Promise<void> | null = null;
  #whenEmpty: (() => void) | null = null;

  constructor(plan: ListenerPlan, options: AcceptOptions) {
    const { plane } = options;
    const { proxies, tls } = plan.options;
    this.#plan = plan;
    this.#options = options;
    this.#log = new SparseLog(plane.log, plane.clock);
    this.#proxies = proxies === null ? null : new CidrSet(proxies);
    this.#terminator =
      tls === null
        ? null
        : new TlsTerminator({
            name: plan.name,
            tls,
            wheel: plane.wheel,
            snapshots: plane.snapshots,
            onFailed: (reason) => this.#count(ListenerField.refusedTls, 'listener.tls-failed', `no TLS: ${reason}`),
          });
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: options.pauseOnConnect });
    this.#server.maxConnections = plan.maxConnections;
    this.#onClose = () => {
      this.#connections -= 1;
      plane.listenerCounters.add(plan.slot, ListenerField.closed, 1);
      if (this.#connections === 0) this.#whenEmpty?.();
    };
  }

  /** Accepted connections that are open now. */
  get connections(): number {
    return this.#connections;
  }

  /** Binds; resolves with the address. Rejects with LISTEN_FAILED, which says what to do. */
  listen(): Promise<Address> {
    const server = this.#server;
    const { name, slot, reusePort, address } = this.#plan;
    const { host, port } = address;
    const { plane, setting } = this.#options;
    server.on('connection', (socket) => this.#accept(socket));
    server.on('drop', () => plane.listenerCounters.add(slot, ListenerField.refused, 1));
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(formatAddress(address), setting, error)));
      server.listen({ host, port, backlog: BACKLOG, reusePort, exclusive: true }, () => {
        server.removeAllListeners('error');
        // One accept that fails, for lack of descriptors for example, says nothing about the next.
        server.on('error', (error) => this.#log.warn('listener.accept-failed', reasonOf(error), { listener: name }));
        const bound = server.address() as AddressInfo;
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /** Accepts no more. Resolves when every accepted connection is closed. Idempotent, and safe after a failed `listen`. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => {
        if (this.#connections === 0) resolve();
        else this.#whenEmpty = resolve;
      });
    });
    return this.#stopped;
  }

  /** Cuts the connections that have not come through yet. */
  cutEntering(): void {
    for (const socket of this.#entering) socket.destroy();
  }

  #accept(socket: Socket): void {
    const { plane } = this.#options;
    const { slot, options } = this.#plan;
    const isFull = options.connectionLimit > 0 && this.#open() >= options.connectionLimit;
    this.#connections += 1;
    plane.listenerCounters.add(slot, ListenerField.accepted, 1);
    socket.on('close', this.#onClose);
    if (isFull) this.#refuse(socket, ListenerField.refused, 'listener.full', 'the listener has max_connections');
    else if (this.#proxies !== null) this.#readProxyHeader(socket, this.#proxies);
    else this.#admit(socket, socket);
  }

  /** Open connections of all workers. */
  #open(): number {
    const { listenerSums } = this.#options.plane;
    const closed = listenerSums.sum(this.#plan.slot, ListenerField.closed);
    return listenerSums.sum(this.#plan.slot, ListenerField.accepted) - closed;
  }

  #readProxyHeader(socket: Socket, proxies: CidrSet): void {
    const refuse = (reason: string) =>
      this.#refuse(
        socket,
        ListenerField.refusedProxy,
        'listener.proxy-header',
        `from ${socket.remoteAddress}: ${reason}`,
      );
    if (!proxies.has(socket.remoteAddress ?? '')) return refuse('not a trusted proxy');
    let peers: ConnectionPeers = socket;
    let problem: string | null = null;
    this.#enter(socket);
    const preface = new Preface(socket, {
      wheel: this.#options.plane.wheel,
      timeoutMs: PROXY_HEADER_MS,
      maxBytes: PROXY_HEADER_BYTES,
      read: (bytes) => {
        const header = readProxyHeader(bytes);
        if (header.kind === 'partial') return -(bytes.length + 1);
        if (header.kind === 'invalid') problem = header.reason;
        else if (header.peers !== null) peers = header.peers;
        return header.kind === 'complete' ? header.length : 0;
      },
      onEnd: (end) => {
        this.#entering.delete(socket);
        if (problem !== null) refuse(problem);
        else if (end === 'done') this.#admit(socket, peers);
        else refuse(end === 'closed' ? 'closed before its PROXY header' : 'no PROXY header in time');
      },
    });
    preface.start();
  }

  /** The source may be counted now: it is known who it is. */
  #admit(socket: Socket, peers: ConnectionPeers): void {
    const { sources } = this.#options.plane;
    const { slot, options } = this.#plan;
    const address = peers.remoteAddress;
    if (options.sourceLimit > 0 && sources !== null && address !== undefined) {
      if (!sources.enter(slot, address, options.sourceLimit)) {
        const message = `${address} has max_connections_per_source`;
        return this.#refuse(socket, ListenerField.refusedSource, 'listener.source-full', message);
      }
      socket.on('close', () => sources.leave(slot, address));
    }
    if (this.#terminator === null) return this.#options.onConnection(socket, peers);
    this.#enter(socket);
    this.#terminator.handshake(socket, (secure) => {
      this.#entering.delete(socket);
      this.#options.onConnection(secure, peers);
    });
  }

  #enter(socket: Socket): void {
    if (this.#entering.has(socket)) return;
    this.#entering.add(socket);
    socket.on('error', ignore);
    socket.on('close', () => this.#entering.delete(socket));
  }

  #refuse(socket: Socket, field: number, event: string, message: string): void {
    socket.on('error', ignore);
    if (socket.destroyed) socket.destroy();
    else socket.resetAndDestroy();
    this.#count(field, event, message);
  }

  #count(field: number, event: string, message: string): void {
    this.#options.plane.listenerCounters.add(this.#plan.slot, field, 1);
    this.#log.warn(event, message, { listener: this.#plan.name });
  }
}

function ignore(): void {}
