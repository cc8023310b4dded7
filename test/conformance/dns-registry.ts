import {
  type AskedDns,
  a,
  type DnsScript,
  type DnsScripted,
  NXDOMAIN,
  ScriptedDns,
  SERVFAIL,
  srv,
} from '../support/scripted-dns.ts';
import type { FakeRegistry, Fault, Flaw, Place } from './registry.ts';

const NAME = '_web._tcp.test';
const DEAD = 'dead.test';
/** So many records with their addresses fit into a datagram. */
const PER_DATAGRAM = 8;

/** SRV records with the addresses of their targets. */
export class DnsRegistry implements FakeRegistry {
  readonly service = NAME;
  readonly absence = 'DNS_NXDOMAIN';
  /** What fits into an answer by TCP. */
  readonly capacity = 500;
  #server: ScriptedDns;
  #places: readonly Place[] | null = null;
  #flawed = false;
  #fault: Fault | null = null;
  #earlier = 0;

  private constructor(server: ScriptedDns) {
    this.#server = server;
    server.answer = (question) => this.#answer(question);
  }

  static async start(): Promise<DnsRegistry> {
    return new DnsRegistry(await ScriptedDns.start());
  }

  get block() {
    return { dns: { servers: [`127.0.0.1:${this.#server.address.port}`] } };
  }

  get activity(): number {
    return this.#earlier + this.#server.activity;
  }

  get questions(): number {
    return this.#server.asked.length;
  }

  put(places: readonly Place[], flaw: Flaw | null = null): void {
    this.#places = places;
    this.#flawed = flaw !== null;
  }

  remove(): void {
    this.#places = null;
  }

  async break(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (fault === 'refused') await this.#server.close();
  }

  async mend(): Promise<void> {
    const fault = this.#fault;
    this.#fault = null;
    if (fault !== 'refused') return;
    this.#earlier = this.activity + 1;
    this.#server = await ScriptedDns.start(this.#server.address.port);
    this.#server.answer = (question) => this.#answer(question);
  }

  close(): Promise<void> {
    return this.#fault === 'refused' ? Promise.resolve() : this.#server.close();
  }

  #answer(question: AskedDns): DnsScripted {
    const byUdp = question.transport === 'udp';
    switch (this.#fault) {
      case 'error':
        return { rcode: SERVFAIL };
      case 'garbage':
        return Buffer.from('<html>It works!</html>');
      case 'blank':
        return Buffer.alloc(0);
      case 'truncated':
        return Buffer.from([question.id >> 8, question.id & 255, 0x84]);
      case 'reset':
        return byUdp ? { truncated: true } : 'reset';
      case 'stall':
        return byUdp ? { truncated: true } : null;
      case 'hang':
        return null;
      default:
        return this.#records(question);
    }
  }

  #records({ name, type, transport }: AskedDns): DnsScript {
    if (name === DEAD) return { rcode: SERVFAIL };
    if (this.#places === null || name !== NAME) return { rcode: NXDOMAIN };
    if (type !== 'SRV') return {};
    if (transport === 'udp' && this.#places.length > PER_DATAGRAM) return { truncated: true };
    const targets = this.#places.map(({ host }) => `h${host.replaceAll('.', '-')}.test`);
    const answers = this.#places.map(({ port }, index) => srv(NAME, targets[index]!, port));
    const additionals = this.#places.map(({ host }, index) => a(targets[index]!, host));
    return { answers: this.#flawed ? [...answers, srv(NAME, DEAD, 1)] : answers, additionals };
  }
}
