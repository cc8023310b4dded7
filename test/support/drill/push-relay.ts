import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Stands between a Nacos server and the UDP port of a gateway, and tells when packets come. */
export class PushRelay {
  readonly #socket: Socket;
  /** Times at which pushes came in, on the clock of this process. */
  readonly pushes: number[] = [];
  /** Where the gateway listens; 0 until it has told. */
  gateway = 0;
  #server = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet, { port }) => {
      const fromGateway = port === this.gateway;
      if (!fromGateway) {
        this.#server = port;
        this.pushes.push(performance.now());
      }
      const to = fromGateway ? this.#server : this.gateway;
      if (to > 0) socket.send(packet, to, '127.0.0.1');
    });
  }

  static async start(): Promise<PushRelay> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new PushRelay(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}
