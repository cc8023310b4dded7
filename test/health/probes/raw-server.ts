import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../../../src/core/address.ts';

/** A TCP server that answers as the test says, and keeps what it heard. */
export class RawServer implements AsyncDisposable {
  readonly address: Address;
  readonly sockets: Socket[] = [];
  heard = '';
  /** Bytes of `pour` that the other side has taken, or the system for it. */
  poured = 0;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = { host: '127.0.0.1', port };
  }

  /** `onRequest` is called once a connection, when the first bytes have come in. */
  static async start(
    onRequest: (socket: Socket) => void,
    onConnection: (socket: Socket) => void = () => {},
  ): Promise<RawServer> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const raw = new RawServer(server, (server.address() as { port: number }).port);
    server.on('connection', (socket) => {
      raw.sockets.push(socket);
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.on('data', (bytes) => {
        raw.heard += bytes.toString('latin1');
      });
      socket.once('data', () => onRequest(socket));
      onConnection(socket);
    });
    return raw;
  }

  /** Writes `head`, and then without end for as long as the other side takes it. */
  pour(socket: Socket, head: string): void {
    socket.write(head);
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) this.poured += 65_536;
    };
    socket.on('drain', more);
    more();
  }

  /** Every connection is closed: nobody keeps one. */
  async allClosed(): Promise<void> {
    for (const socket of this.sockets) {
      if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<Address> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return { host: '127.0.0.1', port };
}
