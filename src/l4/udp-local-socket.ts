import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Address } from '../core/address.ts';
import { hasRoom, noLookup } from './udp-send.ts';

/** Asked of the system, which may give less: bursts wait here while the event loop is busy. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export interface LocalSocketEvents {
  onDatagram(local: LocalSocket, datagram: Buffer, from: RemoteInfo): void;
  /** A reply did not leave. */
  onDropped(): void;
  /** Receiving failed; it goes on. */
  onError(error: Error): void;
}

/** A socket on one address of this machine: what it sends leaves from that address. */
export class LocalSocket {
  /** Tells the listener's sockets apart. */
  readonly id: number;
  readonly host: string;
  readonly #events: LocalSocketEvents;
  readonly #socket: Socket;
  readonly #onSent = (error: Error | null): void => {
    this.#underWay -= 1;
    if (error) this.#events.onDropped();
  };
  /** Datagrams given to the socket that it has not reported on. */
  #underWay = 0;
  #closed: Promise<void> | null = null;

  constructor(id: number, host: string, reusePort: boolean, events: LocalSocketEvents) {
    this.id = id;
    this.host = host;
    this.#events = events;
    const type = isIPv6(host) ? 'udp6' : 'udp4';
    this.#socket = createSocket({ type, reusePort, ipv6Only: type === 'udp6', lookup: noLookup });
  }

  /** Rejects with the system's error. */
  bind(port: number): Promise<Address> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port, address: this.host, exclusive: true }, () => {
        socket.removeListener('error', reject);
        socket.on('error', (error) => this.#events.onError(error));
        socket.on('message', (datagram, from) => this.#events.onDatagram(this, datagram, from));
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
        const bound = socket.address();
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  send(datagram: Buffer, port: number, address: string): void {
    if (this.#closed) return;
    if (this.#underWay > 0 && !hasRoom(this.#socket)) return this.#events.onDropped();
    this.#underWay += 1;
    this.#socket.send(datagram, port, address, this.#onSent);
  }

  /** Idempotent, and safe after a failed `bind`. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    return this.#closed;
  }
}
