import { randomInt } from 'node:crypto';
import { type Address, formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { withDeadline } from './deadline.ts';
import { type DnsQuestion, type DnsReply, encodeQuestion, readReply } from './dns-message.ts';
import type { DnsOutcome } from './dns-options.ts';
import { askByTcp, askByUdp } from './dns-wire.ts';
import { Gate } from './gate.ts';

export interface DnsExchangeParts {
  readonly clock: Clock;
  /** Milliseconds for one server's answer by one transport. */
  readonly timeout: number;
  readonly attempts: number;
  /** The servers of this moment. */
  servers(): readonly Address[];
}

/** Questions under way at once, each with a socket: SRV records may name thousands of targets. */
const MAX_QUESTIONS = 128;
/** What a server says when it does not know EDNS (RFC 6891 §7). */
const NO_EDNS = new Set(['FORMERR', 'NOTIMP']);

/**
 * Gets one question answered by one of several servers.
 *
 * Only "here are records" and "there are none" are answers. Everything else, such as SERVFAIL, REFUSED, a referral, an
 * answer cut short that TCP does not complete or no answer at all, is a reason to ask the next server.
 */
export class DnsExchange {
  readonly #parts: DnsExchangeParts;
  /** The server that answered last. */
  #preferred = '';
  /** Servers that do not take EDNS. */
  readonly #plain = new Set<string>();
  readonly #gate = new Gate(MAX_QUESTIONS);

  constructor(parts: DnsExchangeParts) {
    this.#parts = parts;
  }

  /** `host:port` of the server that gave the last answer; empty when there was none. */
  get preferred(): string {
    return this.#preferred;
  }

  /** Rejects with DNS_ANSWER when servers answered that they can't say, and with DNS_TIMEOUT when none answered. */
  async ask(question: DnsQuestion, signal: AbortSignal): Promise<DnsReply> {
    if (!(await this.#gate.enter(signal))) throw signal.reason;
    try {
      return await this.#askServers(question, signal);
    } finally {
      this.#gate.leave();
    }
  }

  async #askServers(question: DnsQuestion, signal: AbortSignal): Promise<DnsReply> {
    const servers = this.#inTurn();
    const failures = new Map<string, HeadgateError>();
    for (let attempt = 0; attempt < this.#parts.attempts; attempt++) {
      for (const server of servers) {
        const name = formatAddress(server);
        try {
          const reply = await this.#askServer(server, question, signal);
          this.#preferred = name;
          return reply;
        } catch (error) {
          if (signal.aborted) throw error;
          failures.set(name, asFailure(name, error));
        }
      }
    }
    throw summary(question, [...failures.values()]);
  }

  #inTurn(): readonly Address[] {
    const servers = this.#parts.servers();
    const first = servers.findIndex((server) => formatAddress(server) === this.#preferred);
    return first <= 0 ? servers : [...servers.slice(first), ...servers.slice(0, first)];
  }

  async #askServer(server: Address, question: DnsQuestion, signal: AbortSignal): Promise<DnsReply> {
    const name = formatAddress(server);
    const edns = !this.#plain.has(name);
    let reply = await this.#send(server, question, edns, signal);
    if (edns && NO_EDNS.has(reply.rcode)) {
      reply = await this.#send(server, question, false, signal);
      if (!NO_EDNS.has(reply.rcode)) this.#plain.add(name);
    }
    if (reply.referral) throw unusable('refers to other servers and does not ask them itself');
    if (reply.rcode !== 'NOERROR' && reply.rcode !== 'NXDOMAIN') throw unusable(`answered ${reply.rcode}`);
    return reply;
  }

  /** By UDP, and by TCP when the answer did not fit. */
  async #send(server: Address, question: DnsQuestion, edns: boolean, signal: AbortSignal): Promise<DnsReply> {
    const { clock, timeout } = this.#parts;
    for (const ask of [askByUdp<DnsReply>, askByTcp<DnsReply>]) {
      const id = randomInt(0x10000);
      const message = encodeQuestion(id, question, edns);
      const read = (bytes: Uint8Array) => readReply(bytes, id, question);
      const reply = await withDeadline(clock, timeout, signal, (limited) => ask(server, message, read, limited));
      if (!reply.truncated) return reply;
    }
    throw unusable('cut its answer short even by TCP');
  }
}

/** Which way of bringing no nodes a failed question is. */
export function failedOutcome(error: HeadgateError): DnsOutcome {
  return error.code === 'DNS_ANSWER' ? 'servfail' : 'timeout';
}

function unusable(what: string): HeadgateError {
  return new HeadgateError(what, { code: 'DNS_ANSWER', source: 'upstream' });
}

function asFailure(server: string, cause: unknown): HeadgateError {
  const own = cause instanceof HeadgateError;
  const code = own && cause.code === 'DNS_ANSWER' ? 'DNS_ANSWER' : 'DNS_TIMEOUT';
  const reason = own ? cause.message : reasonOf(cause);
  return new HeadgateError(`${server}: ${reason}`, { code, source: 'upstream', cause });
}

function summary({ name, type }: DnsQuestion, failures: readonly HeadgateError[]): HeadgateError {
  if (failures.length === 0) {
    const message = 'there is no DNS server to ask: give discovery.dns.servers, or a resolv_conf with a nameserver';
    return new HeadgateError(message, { code: 'DNS_TIMEOUT', source: 'self' });
  }
  const answered = failures.some((failure) => failure.code === 'DNS_ANSWER');
  const reasons = failures.map((failure) => failure.message).join('; ');
  return new HeadgateError(`no server can say what ${name} ${type} is: ${reasons}`, {
    code: answered ? 'DNS_ANSWER' : 'DNS_TIMEOUT',
    source: 'upstream',
    cause: failures.at(-1),
  });
}
