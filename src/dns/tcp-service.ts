import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';

export type Respond = (message: Uint8Array) => Uint8Array | null;

/** How long a connection may stand without a whole question. Milliseconds (RFC 7766 §6.2.3 asks for seconds). */
const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 128;
/** A client that asks and does not read is cut off when this much waits for it. Bytes. */
const MAX_UNREAD = 256 * 1024;

/** DNS over TCP: questions and answers with their length in front (RFC 7766). */
export class TcpService {
  readonly server: Server;
  readonly #clock: Clock;
  readonly #respond: Respond;
  readonly #sockets = new Set<Socket>();

  constructor(clock: Clock, respond: Respond) {
    this.#clock = clock;
    this.#respond = respond;
    this.server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let received: Buffer = Buffer.alloc(0);
    let idle: Timer = this.#clock.after(IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      idle.cancel();
      this.#sockets.delete(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const before = received.length;
      received = this.#answerAll(socket, received);
      if (received.length === before || socket.destroyed) return;
      idle.cancel();
      idle = this.#clock.after(IDLE_MS, () => socket.destroy());
    });
  }

  /** Answers every whole question; returns what is left. */
  #answerAll(socket: Socket, received: Buffer): Buffer {
    let rest = received;
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      const answer = this.#respond(rest.subarray(2, end));
      rest = rest.subarray(end);
      if (answer === null || socket.writableLength > MAX_UNREAD) {
        socket.destroy();
        break;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
    return rest;
  }
}
