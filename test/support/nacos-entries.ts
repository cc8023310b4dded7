import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { Mailbox } from './mailbox.ts';

/** An instance as Nacos lists it. */
export function nacosHost(port: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  const state = { weight: 1, healthy: true, enabled: true, ephemeral: true };
  return { ip: '127.0.0.1', port, ...state, clusterName: 'DEFAULT', metadata: {}, ...fields };
}

/** An answer of the first API. */
export function nacosList(hosts: readonly unknown[], fields: Record<string, unknown> = {}): object {
  return { name: 'DEFAULT_GROUP@@web', clusters: '', cacheMillis: 10_000, hosts, lastRefTime: 1, ...fields };
}

/** The packet that tells of a change of `group@@name`. */
export function nacosPush(service: string, time: string, zipped = false): Buffer {
  const data = JSON.stringify(JSON.stringify(nacosList([], { name: service })));
  const packet = Buffer.from(`{"type":"dom","data":${data},"lastRefTime":${time}}`);
  return zipped ? gzipSync(packet) : packet;
}

/** A server's end of UDP. */
export class UdpPeer {
  readonly received = new Mailbox<string>();
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet) => this.received.put(packet.toString()));
  }

  /** Bound to every address, so that nothing else can have its port. */
  static async start(): Promise<UdpPeer> {
    const socket = createSocket('udp4').bind(0);
    await once(socket, 'listening');
    return new UdpPeer(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(port: number, packet: Buffer | string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(packet, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}
