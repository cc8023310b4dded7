import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import type { Address } from '../../src/core/address.ts';
import { Mailbox } from './mailbox.ts';

/** A question as it came in. */
export interface AskedDns {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly transport: 'udp' | 'tcp';
  readonly edns: boolean;
  /** Source port. */
  readonly from: number;
}

export interface DnsScript {
  readonly rcode?: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
  readonly truncated?: boolean;
  /** Takes the place of the question's id or its name. */
  readonly id?: number;
  readonly name?: string;
  /** Leaves the question out of the answer. */
  readonly bare?: boolean;
  /** Not authoritative. */
  readonly lame?: boolean;
}

/** Answers; bytes as they are; several messages, one after the other; a connection that is cut; or silence. */
export type DnsScripted = DnsScript | Uint8Array | readonly (DnsScript | Uint8Array)[] | 'reset' | null;

export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const REFUSED = 5;

/** A DNS server that answers by UDP and TCP what the test tells it to, for faults that a real one can't be made to show. */
export class ScriptedDns {
  readonly asked: AskedDns[] = [];
  /** Grows with every question, and every connection that comes or goes. */
  activity = 0;
  readonly questions = new Mailbox<AskedDns>();
  answer: (question: AskedDns) => DnsScripted = () => null;
  readonly address: Address;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  private constructor(udp: UdpSocket, tcp: Server) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.address = { host: '127.0.0.1', port: (tcp.address() as AddressInfo).port };
    udp.on('message', (bytes, peer) => this.#datagram(bytes, peer));
    tcp.on('connection', (socket) => this.#connection(socket));
  }

  /** At a port that was free a moment ago, or any. */
  static async start(port = 0): Promise<ScriptedDns> {
    for (;;) {
      const tcp = createServer().listen(port, '127.0.0.1');
      await once(tcp, 'listening');
      const udp = createSocket('udp4');
      udp.bind((tcp.address() as AddressInfo).port, '127.0.0.1');
      // The other transport may have given this port to someone else.
      const bound = await once(udp, 'listening').catch(() => null);
      if (bound) return new ScriptedDns(udp, tcp);
      udp.close();
      tcp.close();
    }
  }

  get names(): string[] {
    return this.asked.map(({ name, type }) => `${name} ${type}`);
  }

  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }

  #datagram(bytes: Buffer, peer: RemoteInfo): void {
    for (const message of this.#answers(bytes, 'udp', peer.port) ?? [])
      this.#udp.send(message, peer.port, peer.address);
  }

  #connection(socket: Socket): void {
    this.activity += 1;
    this.#connections.add(socket);
    socket
      .on('error', () => {})
      .on('close', () => {
        this.activity += 1;
        this.#connections.delete(socket);
      });
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answers = this.#answers(received.subarray(2), 'tcp', socket.remotePort ?? 0);
      if (answers === null) return void socket.resetAndDestroy();
      for (const message of answers) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(message.length);
        // In two pieces, as a network may deliver them.
        const whole = Buffer.concat([length, message]);
        socket.write(whole.subarray(0, 5));
        setImmediate(() => socket.end(whole.subarray(5)));
      }
    });
  }

  /** Null for a reset. */
  #answers(bytes: Buffer, transport: 'udp' | 'tcp', from: number): readonly Uint8Array[] | null {
    const packet = decode(bytes);
    const { name, type } = packet.questions![0]!;
    const edns = (packet.additionals ?? []).some((record) => record.type === 'OPT');
    const asked = { id: packet.id ?? 0, name, type, transport, edns, from };
    this.activity += 1;
    this.asked.push(asked);
    this.questions.put(asked);
    const scripted = this.answer(asked);
    if (scripted === 'reset') return null;
    if (scripted === null) return [];
    const list = Array.isArray(scripted) ? (scripted as (DnsScript | Uint8Array)[]) : [scripted as DnsScript];
    return list.map((each) => (each instanceof Uint8Array ? each : reply(asked, each)));
  }
}

function reply(asked: AskedDns, script: DnsScript): Uint8Array {
  const { answers = [], authorities = [], additionals = [], rcode = 0, truncated = false, lame = false } = script;
  const question = { name: script.name ?? asked.name, type: asked.type as 'A', class: 'IN' as const };
  const packet: Packet = {
    type: 'response',
    id: script.id ?? asked.id,
    flags: (lame ? 0 : 1 << 10) | (truncated ? 1 << 9 : 0) | rcode,
    questions: script.bare ? [] : [question],
    answers: [...answers],
    authorities: [...authorities],
    additionals: [...additionals],
  };
  return encode(packet);
}

export function a(name: string, address: string, ttl = 5): Answer {
  return { name, type: 'A', class: 'IN', ttl, data: address };
}

export function aaaa(name: string, address: string, ttl = 5): Answer {
  return { name, type: 'AAAA', class: 'IN', ttl, data: address };
}

export function cname(name: string, target: string, ttl = 5): Answer {
  return { name, type: 'CNAME', class: 'IN', ttl, data: target };
}

export function srv(name: string, target: string, port: number, priority = 0, weight = 0, ttl = 5): Answer {
  return { name, type: 'SRV', class: 'IN', ttl, data: { target, port, priority, weight } };
}

export function soa(name: string, ttl: number, minimum: number): Answer {
  const data = { mname: `ns.${name}`, rname: `root.${name}`, serial: 1, refresh: 60, retry: 60, expire: 60, minimum };
  return { name, type: 'SOA', class: 'IN', ttl, data };
}

export function ns(name: string, target: string): Answer {
  return { name, type: 'NS', class: 'IN', ttl: 5, data: target };
}
