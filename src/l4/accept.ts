import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Address, formatAddress } from '../core/address.ts';
import { CidrSet } from '../core/cidr.ts';
import { reasonOf } from '../core/errors.ts';
import { listenError } from '../core/listen-error.ts';
import { ListenerField, openConnections } from '../telemetry/counters.ts';
import { StreamEnd } from '../telemetry/stream-ends.ts';
import type { DataPlane, ListenerPlan } from './listener.ts';
import type { ConnectionPeers } from './peers.ts';
import { Preface } from './preface.ts';
import { readProxyHeader } from './proxy-header.ts';
import { FULL, NO_PROXY_HEADER, NO_TLS, type Refusal, SOURCE_FULL } from './refusal.ts';
import { SparseLog } from './sparse-log.ts';
import { type StreamLogging, StreamRecord } from './stream-record.ts';
import { type HandshakeFailure, TlsTerminator } from './tls-terminator.ts';

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
  /** Connections are streams: the access log has an entry for each. */
  readonly streams: boolean;
  /**
   * A connection is in. `peers` is the socket itself unless a proxy in front spoke for it. `socket` may be paused; it is a
   * TLSSocket where the listener terminates TLS. `record` is null when the connection is not logged.
   */
  onConnection(socket: Socket, peers: ConnectionPeers, record: StreamRecord | null): void;
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
  readonly #logging: StreamLogging | null;
  /** Not handed on yet. */
  readonly #entering = new Set<Socket>();
  #connections = 0;
  #cutting = false;
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
          });
    const log = options.streams ? plane.streamLog : null;
    this.#logging = log && { listener: plan.name, clock: plane.clock, log };
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
    const { name, reusePort, address } = this.#plan;
    const { host, port } = address;
    const { setting } = this.#options;
    server.on('connection', (socket) => this.#accept(socket));
    server.on('drop', (peers) => this.#dropped(peers ?? {}));
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

  /** A shutdown has run out of time: what ends from now on was ended by it. */
  get isCutting(): boolean {
    return this.#cutting;
  }

  /** Cuts the connections that have not come through yet. */
  cutEntering(): void {
    this.#cutting = true;
    for (const socket of this.#entering) socket.destroy();
  }

  #accept(socket: Socket): void {
    const { plane } = this.#options;
    const { slot, options } = this.#plan;
    const isFull = options.connectionLimit > 0 && openConnections(plane.listenerSums, slot) >= options.connectionLimit;
    const record = this.#logging && new StreamRecord(this.#logging, 'tcp', socket);
    this.#connections += 1;
    plane.listenerCounters.add(slot, ListenerField.accepted, 1);
    socket.on('close', this.#onClose);
    if (isFull) this.#refuse(socket, record, FULL, 'LISTENER_FULL', 'the listener has max_connections');
    else if (this.#proxies !== null) this.#readProxyHeader(socket, this.#proxies, record);
    else this.#admit(socket, socket, record);
  }

  /** The system took it in, and Node closed it: this worker has all that it can hold. */
  #dropped(peers: ConnectionPeers): void {
    this.#options.plane.listenerCounters.add(this.#plan.slot, ListenerField.refused, 1);
    if (this.#logging) new StreamRecord(this.#logging, 'tcp', peers).end(FULL.end, FULL.phase, 'WORKER_FULL');
  }

  #readProxyHeader(socket: Socket, proxies: CidrSet, record: StreamRecord | null): void {
    const refuse = (cause: string, reason: string) =>
      this.#refuse(socket, record, NO_PROXY_HEADER, cause, `from ${socket.remoteAddress}: ${reason}`);
    if (!proxies.has(socket.remoteAddress ?? '')) return refuse('UNTRUSTED_PROXY', 'not a trusted proxy');
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
        if (problem !== null) refuse('BAD_PROXY_HEADER', problem);
        else if (end === 'done') this.#admit(socket, peers, record);
        else if (end === 'closed') refuse('CLIENT_CLOSED', 'closed before its PROXY header');
        else refuse('PROXY_HEADER_TIMEOUT', 'no PROXY header in time');
      },
    });
    preface.start();
  }

  /** The source may be counted now: it is known who it is. */
  #admit(socket: Socket, peers: ConnectionPeers, record: StreamRecord | null): void {
    const { sources } = this.#options.plane;
    const { slot, options } = this.#plan;
    if (record) record.client = peers;
    // To ask a socket for its peer is a system call.
    const address = options.sourceLimit > 0 ? peers.remoteAddress : undefined;
    if (sources !== null && address !== undefined) {
      if (!sources.enter(slot, address, options.sourceLimit)) {
        const message = `${address} has max_connections_per_source`;
        return this.#refuse(socket, record, SOURCE_FULL, 'SOURCE_FULL', message);
      }
      socket.on('close', () => sources.leave(slot, address));
    }
    if (this.#terminator === null) return this.#options.onConnection(socket, peers, record);
    this.#enter(socket);
    record?.handshaking();
    const onSecure = (secure: TLSSocket) => {
      this.#entering.delete(socket);
      record?.secured(secure);
      this.#options.onConnection(secure, peers, record);
    };
    this.#terminator.handshake(socket, onSecure, (failure) => this.#handshakeFailed(record, failure));
  }

  #handshakeFailed(record: StreamRecord | null, { reason, code, serverName }: HandshakeFailure): void {
    if (record) record.serverName = serverName;
    this.#turnAway(record, NO_TLS, code, `no TLS: ${reason}`);
  }

  #enter(socket: Socket): void {
    if (this.#entering.has(socket)) return;
    this.#entering.add(socket);
    socket.on('error', ignore);
    socket.on('close', () => this.#entering.delete(socket));
  }

  #refuse(socket: Socket, record: StreamRecord | null, refusal: Refusal, cause: string, message: string): void {
    socket.on('error', ignore);
    if (socket.destroyed) socket.destroy();
    else socket.resetAndDestroy();
    this.#turnAway(record, refusal, cause, message);
  }

  /** What a shutdown cuts is no refusal. */
  #turnAway(record: StreamRecord | null, { field, event, phase, end }: Refusal, cause: string, message: string): void {
    if (this.#cutting) return void record?.end(StreamEnd.shutdown, phase, 'SHUTDOWN');
    record?.end(end, phase, cause);
    this.#options.plane.listenerCounters.add(this.#plan.slot, field, 1);
    this.#log.warn(event, message, { listener: this.#plan.name });
  }
}

function ignore(): void {}
