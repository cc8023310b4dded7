import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** A server of raw TCP for tests; `serve` does what it likes with each connection. */
export class TcpBackend {
  readonly port: number;
  readonly sockets = new Set<Socket>();
  /** Connections taken since the start. */
  accepted = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(serve: (socket: Socket) => void): Promise<TcpBackend> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const backend = new TcpBackend(server);
    server.on('connection', (socket) => {
      backend.accepted += 1;
      backend.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => backend.sockets.delete(socket));
      serve(socket);
    });
    return backend;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Sends back what comes, and its own FIN after the peer's. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** A port of loopback on which nothing listens. */
export async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A port of loopback to which connecting neither succeeds nor fails: its queue is full and nobody accepts. */
export class BlackHole {
  readonly port: number;
  readonly #thread: Worker;
  readonly #fillers: readonly Socket[];

  private constructor(port: number, thread: Worker, fillers: readonly Socket[]) {
    this.port = port;
    this.#thread = thread;
    this.#fillers = fillers;
  }

  static async start(): Promise<BlackHole> {
    const thread = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
         parentPort.postMessage(server.address().port);
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
       });`,
      { eval: true },
    );
    const [port] = (await once(thread, 'message')) as [number];
    const fillers: Socket[] = [];
    for (let count = 0; count < 2; count++) {
      const filler = connect(port, '127.0.0.1');
      filler.on('error', () => {});
      await once(filler, 'connect');
      fillers.push(filler);
    }
    return new BlackHole(port, thread, fillers);
  }

  async close(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    await this.#thread.terminate();
  }
}

/** A client's connection, and what became of it. */
export class TcpClient {
  readonly socket: Socket;
  /** `end` after a FIN, the error's code after a failure, null before either. */
  ending: string | null = null;
  received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('end', () => {
      this.ending ??= 'end';
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ending = error.code ?? error.message;
    });
  }

  /** Connects, and collects what comes unless `read` is false. Resolves after a failure too: see `ending`. */
  static async connect(port: number, read = true): Promise<TcpClient> {
    const client = new TcpClient(connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }));
    if (read) {
      client.socket.on('data', (chunk) => {
        client.received = Buffer.concat([client.received, chunk as Buffer]);
      });
    }
    await Promise.race([once(client.socket, 'connect'), once(client.socket, 'close')]).catch(() => {});
    return client;
  }

  get text(): string {
    return this.received.toString('latin1');
  }
}

/** Waits for what other threads, the kernel or peers do; the test's own time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(1);
}
