import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { decode, encode } from 'dns-packet';
import type { Address } from '../../../src/core/address.ts';
import { type Fault, type FaultProxy, PART } from './registry-harness.ts';

const SERVFAIL = 2;

/** Passes questions by UDP and by TCP on to a real DNS server until it is told of a fault. */
export class DnsFaultProxy implements FaultProxy {
  readonly address: Address;
  readonly #target: Address;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  readonly #relays = new Set<UdpSocket>();
  #fault: Fault = 'none';

  private constructor(target: Address, udp: UdpSocket, tcp: Server) {
    this.#target = target;
    this.#udp = udp;
    this.#tcp = tcp;
    this.address = { host: '127.0.0.1', port: (tcp.address() as AddressInfo).port };
    udp.on('message', (question, peer) => this.#datagram(question, peer));
    tcp.on('connection', (socket) => this.#connection(socket));
  }

  static async start(target: Address): Promise<DnsFaultProxy> {
    for (;;) {
      const tcp = createServer().listen(0, '127.0.0.1');
      await once(tcp, 'listening');
      const udp = createSocket('udp4');
      udp.bind((tcp.address() as AddressInfo).port, '127.0.0.1');
      // The other transport may have given this port to someone else.
      if (await once(udp, 'listening').catch(() => null)) return new DnsFaultProxy(target, udp, tcp);
      tcp.close();
    }
  }

  set(fault: Fault): void {
    this.#fault = fault;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const relay of this.#relays) relay.close();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }

  #datagram(question: Buffer, { port, address }: RemoteInfo): void {
    const answer = this.#instead(question);
    if (answer !== null) return void (answer.length > 0 && this.#udp.send(answer, port, address));
    const relay = createSocket('udp4');
    this.#relays.add(relay);
    relay.on('close', () => this.#relays.delete(relay));
    // A server that is gone is answered for by the kernel, with an error.
    relay.on('error', () => relay.close());
    relay.on('message', (reply) => {
      relay.close();
      this.#udp.send(this.#distorted(reply), port, address);
    });
    relay.connect(this.#target.port, this.#target.host, () => relay.send(question));
  }

  #connection(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    onMessages(socket, (question) => {
      const answer = this.#instead(question);
      if (answer !== null) return void (answer.length > 0 ? socket.write(framed(answer)) : socket.destroy());
      const relay = connect(this.#target.port, this.#target.host);
      this.#sockets.add(relay);
      relay.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(relay));
      onMessages(relay, (reply) => {
        relay.destroy();
        socket.write(framed(this.#distorted(reply)));
      });
      relay.write(framed(question));
    });
  }

  /** What the fault answers in place of the server; empty for silence, null to ask the server. */
  #instead(question: Buffer): Buffer | null {
    if (this.#fault === 'cut') return Buffer.alloc(0);
    if (this.#fault === 'error') return failure(question);
    if (this.#fault === 'garbage') return Buffer.concat([question.subarray(0, 2), Buffer.from('It works!\n')]);
    return null;
  }

  #distorted(reply: Buffer): Buffer {
    if (this.#fault !== 'part') return reply;
    const packet = decode(reply);
    return encode({ ...packet, answers: (packet.answers ?? []).slice(0, PART) });
  }
}

function failure(question: Buffer): Buffer {
  const { id, questions } = decode(question);
  return encode({ type: 'response', id: id ?? 0, flags: SERVFAIL, questions: questions ?? [] });
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Each message of a connection, without its length. */
function onMessages(socket: Socket, take: (message: Buffer) => void): void {
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      take(received.subarray(2, end));
      received = received.subarray(end);
    }
  });
}
