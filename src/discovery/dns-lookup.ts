import { HeadgateError } from '../core/errors.ts';
import type { DnsQuestion, DnsRecord, DnsReply } from './dns-message.ts';
import type { LookupType } from './dns-options.ts';

export type RecordOf<T extends LookupType> = Extract<DnsRecord, { readonly type: T }>;

/** Records of the wanted type. `ttl` (seconds) is the least over every record that led to them. */
export interface Found<T extends LookupType> {
  readonly kind: 'found';
  readonly records: readonly RecordOf<T>[];
  readonly ttl: number;
  readonly additionals: readonly DnsRecord[];
}

/** The servers say that there is nothing. `ttl` (seconds) is how long that holds. */
export interface Nothing {
  readonly kind: 'nxdomain' | 'empty';
  readonly ttl: number;
}

export type Ask = (question: DnsQuestion) => Promise<DnsReply>;

/** Aliases followed for one question, over all answers. */
const MAX_ALIASES = 8;

/**
 * Finds the records of a name, through its aliases: those in the answer, and with further questions those that the server
 * did not follow. Rejects with DNS_ANSWER when aliases go round in a circle or on and on.
 */
export async function lookUp<T extends LookupType>(name: string, type: T, ask: Ask): Promise<Found<T> | Nothing> {
  let current = name.toLowerCase();
  let ttl = Number.POSITIVE_INFINITY;
  const seen = new Set([current]);
  for (;;) {
    const reply = await ask({ name: current, type });
    const asked = current;
    for (;;) {
      const records = reply.answers.filter((each) => each.type === type && each.name === current) as RecordOf<T>[];
      if (records.length > 0) {
        return { kind: 'found', records, ttl: least(ttl, records), additionals: reply.additionals };
      }
      const alias = reply.answers.find((each) => each.type === 'CNAME' && each.name === current);
      if (alias?.type !== 'CNAME') break;
      if (seen.has(alias.target) || seen.size > MAX_ALIASES) throw tooManyAliases(name, alias.target);
      seen.add(alias.target);
      ttl = Math.min(ttl, alias.ttl);
      current = alias.target;
    }
    const soa = reply.authorities.find((each) => each.type === 'SOA');
    if (reply.rcode === 'NOERROR' && current !== asked && !soa) continue;
    return { kind: reply.rcode === 'NXDOMAIN' ? 'nxdomain' : 'empty', ttl: Math.min(ttl, soa?.ttl ?? 0) };
  }
}

function least(ttl: number, records: readonly { readonly ttl: number }[]): number {
  return records.reduce((lowest, record) => Math.min(lowest, record.ttl), ttl);
}

function tooManyAliases(name: string, target: string): HeadgateError {
  const message = `the aliases of ${name} do not end: ${target} comes again, or there are more than ${MAX_ALIASES}`;
  return new HeadgateError(message, { code: 'DNS_ANSWER', source: 'upstream' });
}
