import { connect, type Socket } from 'node:net';
import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';
import { ReadBuffer, type ReadBufferPool } from '../l4/read-buffer.ts';
import type { Relay } from '../l4/relay.ts';
import type { ConnectionPool, PooledConnection } from '../upstream/connection-pool.ts';
import type { TableHandle } from '../upstream/handle.ts';
import { ResponseReader, type ResponseSink } from './response-reader.ts';
import type { FailureKind } from './retry.ts';

/** What the user of a connection is told; the parts of the answer go to a sink of its choice. */
export interface UpstreamUser {
  /** The new connection stands: the request may be sent. */
  connected(): void;
  /** All that one read brought has been reported. `next` is where the bytes behind a response begin. */
  readDone(buffer: Buffer, next: number, end: number): void;
  /** Everything written so far is with the kernel. */
  upstreamDrained(): void;
  /** The connection is destroyed and the user is no more its user. */
  upstreamFailed(kind: FailureKind, code: string): void;
  /** A bug: an exception came out of one of these calls. */
  crashed(error: unknown): void;
}

/** What all upstream connections of a listener share. */
export interface UpstreamDeps {
  readonly wheel: TimerWheel;
  readonly buffers: ReadBufferPool;
  readonly pool: ConnectionPool<UpstreamConnection>;
}

const Phase = { rest: 0, connect: 1, send: 2, read: 3 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** A connection to a node: new, in use by one exchange, idle in the pool, or one side of a tunnel. */
export class UpstreamConnection implements PooledConnection {
  readonly handle: TableHandle;
  readonly socket: Socket;
  readonly response = new ResponseReader();
  requests = 0;
  readonly #deps: UpstreamDeps;
  readonly #reader: ReadBuffer;
  readonly #timer: WheelTimer;
  #user: UpstreamUser | null;
  #phase: Phase = Phase.connect;
  #alive = true;
  #reading = true;
  #large = false;
  #buffer: Buffer | null = null;
  /** Node asks for a buffer behind a read, and not to prepare a socket. */
  #wasRead = false;
  #relay: Relay | null = null;
  #relayPeer: Socket | null = null;

  constructor(handle: TableHandle, user: UpstreamUser, connectTimeoutMs: number, deps: UpstreamDeps) {
    this.handle = handle;
    this.#user = user;
    this.#deps = deps;
    this.#reader = new ReadBuffer(deps.buffers);
    this.#timer = new WheelTimer(() => this.#timedOut());
    deps.wheel.arm(this.#timer, connectTimeoutMs);
    this.socket = connect({
      host: handle.node.host,
      port: handle.node.port,
      noDelay: true,
      allowHalfOpen: true,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (length, buffer) => {
          this.#wasRead = true;
          return this.#read(length, buffer as Buffer);
        },
      },
    });
    this.socket.on('connect', this.#onConnect);
    this.socket.on('end', this.#onEnd);
    this.socket.on('drain', this.#onDrain);
    this.socket.on('error', this.#onError);
    this.socket.on('close', this.#onClose);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** A request is about to be written; its answer goes to `sink`, as `ResponseReader.expect` says. */
  use(user: UpstreamUser, sink: ResponseSink, method: string, decode: boolean): void {
    this.#user = user;
    this.#phase = Phase.read;
    this.requests += 1;
    this.response.expect(method, decode, sink);
  }

  /** Waits for the node to take what was written. */
  awaitSend(timeoutMs: number): void {
    this.#phase = Phase.send;
    this.#deps.wheel.arm(this.#timer, timeoutMs);
  }

  /** Waits for the node to send something. */
  awaitRead(timeoutMs: number): void {
    this.#phase = Phase.read;
    this.#deps.wheel.arm(this.#timer, timeoutMs);
  }

  /** The node owes nothing now. */
  awaitNothing(): void {
    this.#deps.wheel.disarm(this.#timer);
  }

  rest(timeoutMs: number): void {
    this.#user = null;
    this.#phase = Phase.rest;
    // A connection that rests gives its large buffer back.
    if (this.#large) this.#reader.bytes(0, 0);
    this.#large = false;
    this.#deps.wheel.arm(this.#timer, timeoutMs);
    this.resume();
  }

  /** Part of what was just read, fit to be written; `wrote` must follow when it has been. */
  lend(start: number, end: number): Buffer {
    this.#large = true;
    return this.#reader.bytes(start, end);
  }

  wrote(peer: Socket): void {
    if (this.#large) this.#reader.wrote(peer);
  }

  pause(): void {
    this.#reading = false;
  }

  resume(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.socket.resume();
  }

  /** From now on what the node sends belongs to the relay, which watches the socket from here. */
  tunnel(relay: Relay, peer: Socket): void {
    this.#user = null;
    this.#relay = relay;
    this.#relayPeer = peer;
    this.#deps.wheel.remove(this.#timer);
    this.socket.off('connect', this.#onConnect);
    this.socket.off('end', this.#onEnd);
    this.socket.off('drain', this.#onDrain);
    this.socket.off('error', this.#onError);
  }

  /** The user gives it up, or nobody needs it. */
  destroy(): void {
    if (!this.#alive) return;
    const resting = this.#user === null;
    this.#kill();
    if (resting) this.#deps.pool.remove(this);
  }

  readonly #onConnect = (): void => {
    if (!this.#alive) return;
    this.handle.connected();
    this.#deps.wheel.disarm(this.#timer);
    const user = this.#user;
    if (user === null) return this.destroy();
    try {
      user.connected();
    } catch (error) {
      user.crashed(error);
    }
  };

  readonly #onEnd = (): void => {
    const user = this.#user;
    if (user === null) return this.destroy();
    try {
      if (this.response.eof()) user.readDone(NO_BYTES, 0, 0);
      else this.#fail('closed', 'UPSTREAM_FIN');
    } catch (error) {
      user.crashed(error);
    }
  };

  readonly #onDrain = (): void => {
    this.#user?.upstreamDrained();
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#fail(this.#phase === Phase.connect ? 'connect' : 'closed', error.code ?? error.message);
  };

  readonly #onClose = (): void => {
    this.#fail(this.#phase === Phase.connect ? 'connect' : 'closed', 'UPSTREAM_CLOSED');
  };

  /**
   * The buffer of the next read. Behind a read, anything but a buffer means "the same again", which saves Node a look
   * into the buffer on each read.
   */
  #nextBuffer(): Buffer {
    const next = this.#reader.next();
    const isSame = this.#wasRead && next === this.#buffer;
    this.#wasRead = false;
    this.#buffer = next;
    return isSame ? SAME : next;
  }

  #read(length: number, buffer: Buffer): boolean {
    if (this.#relay !== null) return this.#readTunnel(length);
    const user = this.#user;
    if (user === null) {
      // The node speaks without having been asked: nothing that it says can be trusted to belong to a request.
      this.destroy();
      return false;
    }
    try {
      const next = this.response.read(buffer, 0, length);
      if (this.response.problem === null) user.readDone(buffer, next, length);
      else this.#fail('protocol', this.response.problem);
    } catch (error) {
      user.crashed(error);
    }
    return this.#reading;
  }

  #readTunnel(length: number): boolean {
    const goOn = this.#relay!.upstreamData(this.#reader.bytes(0, length), length);
    this.#reader.wrote(this.#relayPeer!);
    return goOn;
  }

  #timedOut(): void {
    if (this.#phase === Phase.rest) this.destroy();
    else if (this.#phase === Phase.connect) this.#fail('connect', 'CONNECT_TIMEOUT');
    else this.#fail('timeout', this.#phase === Phase.send ? 'SEND_TIMEOUT' : 'READ_TIMEOUT');
  }

  #fail(kind: FailureKind, code: string): void {
    if (!this.#alive) return;
    const user = this.#user;
    this.destroy();
    if (user === null) return;
    try {
      user.upstreamFailed(kind, code);
    } catch (error) {
      user.crashed(error);
    }
  }

  #kill(): void {
    this.#alive = false;
    this.#user = null;
    this.#deps.wheel.remove(this.#timer);
    this.socket.destroy();
    this.#reader.release();
  }
}

const NO_BYTES = Buffer.alloc(0);
const SAME = null as unknown as Buffer;
