import { createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../../src/core/address.ts';
import { endOf, fieldsOf } from './raw-client.ts';

/** A request as it arrived at the backend, byte for byte. */
export class BackendRequest {
  readonly method: string;
  readonly target: string;
  /** Start line and fields, with the empty line. */
  readonly head: string;
  readonly fields: ReadonlyMap<string, string>;
  /** Which of the backend's connections carried it; the first is 1. */
  readonly connection: number;
  readonly socket: Socket;
  #parts: Buffer[] = [];
  #length = 0;
  complete = false;
  #whenComplete: (() => void) | null = null;

  constructor(head: string, connection: number, socket: Socket) {
    const [method = '', target = ''] = head.split(' ', 2);
    this.method = method;
    this.target = target;
    this.head = head;
    this.fields = fieldsOf(head);
    this.connection = connection;
    this.socket = socket;
  }

  /** Raw bytes behind the head that belong to this request, chunk framing included. */
  get rawBody(): Buffer {
    if (this.#parts.length !== 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0]!;
  }

  /** Takes bytes of the body; returns how many belong to it. */
  feed(bytes: Buffer): number {
    const before = this.#length;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    const length = this.#bodyLength();
    this.complete = length >= 0 && length <= this.#length;
    if (!this.complete) return bytes.length;
    this.#parts = [this.rawBody.subarray(0, length)];
    this.#length = length;
    this.#whenComplete?.();
    return length - before;
  }

  /** Resolves when the whole body is here. */
  received(): Promise<void> {
    return new Promise((resolve) => {
      if (this.complete) resolve();
      else this.#whenComplete = resolve;
    });
  }

  /** Answers with raw bytes. */
  write(bytes: string | Buffer): this {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1');
    else this.socket.write(bytes);
    return this;
  }

  /** Answers with a status, fields, each with its CR LF, and a body of that length. */
  reply(status: number, body = '', fields = ''): this {
    return this.write(`HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #bodyLength(): number {
    if (this.fields.get('transfer-encoding') !== undefined) return chunkedLength(this.rawBody);
    return Number(this.fields.get('content-length') ?? 0);
  }
}

function chunkedLength(bytes: Buffer): number {
  for (let at = 0; ; ) {
    const line = endOf(bytes.subarray(at), '\r\n');
    if (line < 0) return -1;
    const size = Number.parseInt(bytes.toString('latin1', at, at + line), 16);
    at += line;
    if (size === 0) {
      const end = endOf(Buffer.concat([Buffer.from('\r\n'), bytes.subarray(at)]), '\r\n\r\n');
      return end < 0 ? -1 : at + end - 2;
    }
    at += size + 2;
  }
}

export type BackendHandler = (request: BackendRequest) => void | Promise<void>;

/** What a backend does when a test does not say otherwise: `/status/404`, `/bytes/70000`, `/chunks`, else an echo. */
export const plainBackend: BackendHandler = async (request) => {
  await request.received();
  const [, kind, argument] = request.target.split('/');
  if (kind === 'status') request.reply(Number(argument), request.method === 'HEAD' ? '' : 'status');
  else if (kind === 'bytes') request.reply(200, 'x'.repeat(Number(argument)));
  else if (kind === 'chunks')
    request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n');
  else request.reply(200, `${request.method} ${request.target} ${request.rawBody.length}`);
};

/** A backend on a real socket that records what it gets, and answers with the bytes that its handler writes. */
export class HttpBackend {
  readonly requests: BackendRequest[] = [];
  readonly sockets = new Set<Socket>();
  handler: BackendHandler;
  /** Connections accepted so far. */
  accepted = 0;
  #server: Server;
  #port = 0;

  private constructor(handler: BackendHandler) {
    this.handler = handler;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  static async start(handler: BackendHandler = plainBackend, port = 0): Promise<HttpBackend> {
    const backend = new HttpBackend(handler);
    await backend.listen(port);
    return backend;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: '127.0.0.1', port }, () => {
        const address = this.#server.address();
        if (address !== null && typeof address === 'object') this.#port = address.port;
        resolve();
      });
    });
  }

  get address(): Address {
    return { host: '127.0.0.1', port: this.#port };
  }

  /** Waits until that many requests have arrived. */
  async arrived(count: number): Promise<BackendRequest> {
    while (this.requests.length < count) await new Promise((resolve) => setImmediate(resolve));
    return this.requests[count - 1]!;
  }

  /** What a kill -9 looks like from outside: every connection is reset, and the port is closed. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.accepted += 1;
    const connection = this.accepted;
    let waiting: Buffer = Buffer.alloc(0);
    let current: BackendRequest | null = null;
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      for (;;) {
        if (current === null || current.complete) {
          const end = endOf(waiting, '\r\n\r\n');
          if (end < 0) return;
          current = new BackendRequest(waiting.toString('latin1', 0, end), connection, socket);
          waiting = waiting.subarray(end);
          this.requests.push(current);
          waiting = waiting.subarray(current.feed(waiting));
          void this.handler(current);
        } else {
          waiting = waiting.subarray(current.feed(waiting));
        }
        if (!current.complete || waiting.length === 0) return;
      }
    });
  }
}
