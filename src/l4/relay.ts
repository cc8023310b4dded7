import type { Socket } from 'node:net';
import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';
import { reset } from './reset.ts';

/** Bytes that may wait for a slow receiver before the sender is not read any more. */
const MAX_PENDING = 128 * 1024;

/** How a relayed stream ended. Bytes are those handed on. */
export interface RelayEnd {
  /** Who ended it: the side that closed or broke first, a timeout, or the owner. */
  readonly by: 'client' | 'upstream' | 'idle' | 'shutdown';
  /** Null when it ended in order; else the system's error code, `IDLE_TIMEOUT`, `FIN_TIMEOUT`, `LIFETIME`, or what `destroy` was told. */
  readonly cause: string | null;
  readonly toUpstream: number;
  readonly toClient: number;
}

export interface RelayOptions {
  readonly wheel: TimerWheel;
  /** Milliseconds without a byte either way after which the stream is cut; 0 for never. */
  readonly idleTimeoutMs: number;
  /** The same once one side has sent its FIN. */
  readonly finTimeoutMs: number;
  /** Milliseconds after which the stream is cut whatever it carries; 0, or left out, for never. */
  readonly lifetimeMs?: number;
  /** Called once, when both sockets are closed. */
  onEnd(end: RelayEnd): void;
}

/**
 * Two connected sockets, and every byte of one written to the other: what a TCP stream and an upgraded HTTP connection
 * both are.
 *
 * Both sockets were made with `allowHalfOpen`: a FIN is passed on when the bytes before it are, and the other direction
 * goes on. An RST, or any other failure of one side, becomes an RST on the other, so that no peer takes a broken stream
 * for a finished one. A receiver that is slow stops its sender.
 *
 * The client's socket reads by 'data' events, the upstream's by `onread`: its callback hands what was read to
 * `upstreamData`. The relay puts its listeners on both; the owner has taken its own off before `start`.
 */
export class Relay {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #options: RelayOptions;
  readonly #timer: WheelTimer;
  readonly #lifetime: WheelTimer | null;
  #silenceMs: number;
  #by: RelayEnd['by'] | null = null;
  #cause: string | null = null;
  #toUpstream = 0;
  #toClient = 0;
  /** A socket can say that it is closed before its event does, which then comes too. */
  #clientClosed = false;
  #upstreamClosed = false;
  #cut = false;

  constructor(client: Socket, upstream: Socket, options: RelayOptions) {
    this.#client = client;
    this.#upstream = upstream;
    this.#options = options;
    this.#silenceMs = options.idleTimeoutMs;
    this.#timer = new WheelTimer(() => this.#silent());
    this.#lifetime = options.lifetimeMs ? new WheelTimer(() => this.#break('shutdown', 'LIFETIME')) : null;
  }

  /** Bytes handed to the upstream so far. */
  get toUpstream(): number {
    return this.#toUpstream;
  }

  /** Bytes handed to the client so far. */
  get toClient(): number {
    return this.#toClient;
  }

  /** Begins to relay; `initialClientBytes` were read from the client before and go first. */
  start(initialClientBytes?: Buffer): void {
    const client = this.#client;
    const upstream = this.#upstream;
    client.on('data', (chunk: Buffer) => this.#clientData(chunk));
    this.#listen(client);
    this.#listen(upstream);
    this.#touch();
    if (this.#lifetime) this.#options.wheel.arm(this.#lifetime, this.#options.lifetimeMs ?? 0);
    if (initialClientBytes && initialClientBytes.length > 0) this.#clientData(initialClientBytes);
    for (const socket of [client, upstream]) {
      if (socket.readableEnded) this.#ended(socket);
      if (socket.closed) this.#closed(socket);
      else if (socket.destroyed) this.#fail(socket, null);
    }
    if (client.writableLength <= MAX_PENDING) upstream.resume();
    if (upstream.writableLength <= MAX_PENDING) client.resume();
  }

  /**
   * Takes the first `length` bytes of what was read from the upstream. The caller does not write to that memory until
   * `client.writableLength` is 0. False: stop reading; the relay resumes the socket when the client has caught up.
   */
  upstreamData(buffer: Buffer, length: number): boolean {
    if (this.#cut) return false;
    this.#toClient += length;
    this.#touch();
    this.#client.write(length === buffer.length ? buffer : buffer.subarray(0, length));
    return this.#client.writableLength <= MAX_PENDING;
  }

  /** Cuts both sides with an RST. The end says `shutdown` and `cause`. */
  destroy(cause: string): void {
    this.#break('shutdown', cause);
  }

  #listen(socket: Socket): void {
    socket.on('end', () => this.#ended(socket));
    socket.on('drain', () => this.#drained(socket));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(socket, error.code ?? error.message));
    socket.on('close', () => this.#closed(socket));
  }

  #clientData(chunk: Buffer): void {
    this.#toUpstream += chunk.length;
    this.#touch();
    this.#upstream.write(chunk);
    if (this.#upstream.writableLength > MAX_PENDING) this.#client.pause();
  }

  #ended(socket: Socket): void {
    this.#by ??= this.#side(socket);
    this.#silenceMs = this.#options.finTimeoutMs;
    this.#touch();
    const peer = this.#peer(socket);
    if (peer.readableEnded && peer.writableLength === 0) peer.destroy();
    else peer.end();
  }

  #drained(socket: Socket): void {
    this.#touch();
    this.#peer(socket).resume();
  }

  #fail(socket: Socket, cause: string | null): void {
    this.#break(this.#side(socket), cause);
  }

  #closed(socket: Socket): void {
    const isClient = socket === this.#client;
    if (isClient ? this.#clientClosed : this.#upstreamClosed) return;
    const inOrder = this.#client.readableEnded && this.#upstream.readableEnded;
    if (!inOrder) this.#fail(socket, null);
    if (isClient) this.#clientClosed = true;
    else this.#upstreamClosed = true;
    if (!this.#clientClosed || !this.#upstreamClosed) return;
    this.#options.wheel.remove(this.#timer);
    if (this.#lifetime) this.#options.wheel.remove(this.#lifetime);
    this.#options.onEnd({
      by: this.#by ?? this.#side(socket),
      cause: this.#cause,
      toUpstream: this.#toUpstream,
      toClient: this.#toClient,
    });
  }

  #silent(): void {
    const halfClosed = this.#client.readableEnded || this.#upstream.readableEnded;
    this.#cut = true;
    this.#by = 'idle';
    this.#cause = halfClosed ? 'FIN_TIMEOUT' : 'IDLE_TIMEOUT';
    for (const socket of [this.#client, this.#upstream]) {
      if (socket.writableLength > 0) reset(socket);
      else socket.destroy();
    }
  }

  #break(by: 'client' | 'upstream' | 'shutdown', cause: string | null): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#by = by;
    this.#cause = cause;
    reset(this.#client);
    reset(this.#upstream);
  }

  #touch(): void {
    this.#options.wheel.arm(this.#timer, this.#silenceMs);
  }

  #peer(socket: Socket): Socket {
    return socket === this.#client ? this.#upstream : this.#client;
  }

  #side(socket: Socket): 'client' | 'upstream' {
    return socket === this.#client ? 'client' : 'upstream';
  }
}
