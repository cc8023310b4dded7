import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { AddressType, LookupType } from './dns-options.ts';

export interface DnsQuestion {
  /** Without the final dot. */
  readonly name: string;
  readonly type: LookupType;
}

interface Common {
  /** Lower case, without the final dot. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
}

export interface AddressRecord extends Common {
  readonly type: AddressType;
  readonly address: string;
}

export interface SrvRecord extends Common {
  readonly type: 'SRV';
  /** Lower case; empty for "there is no such service" (RFC 2782, target "."). */
  readonly target: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export interface CnameRecord extends Common {
  readonly type: 'CNAME';
  readonly target: string;
}

/** `ttl` is that of a negative answer: the lesser of the record's and its MINIMUM (RFC 2308 §5). */
export interface SoaRecord extends Common {
  readonly type: 'SOA';
}

export interface OtherRecord extends Common {
  readonly type: 'other';
}

export type DnsRecord = AddressRecord | SrvRecord | CnameRecord | SoaRecord | OtherRecord;

export interface DnsReply {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly rcode: string;
  readonly truncated: boolean;
  /** The server neither knows nor asks for us, but names others that might (RFC 1034 §4.3.1). */
  readonly referral: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** What we say that we take by UDP: fits the MTU of any IPv6 path, so that nothing is fragmented (dnsflagday.net 2020). */
export const UDP_PAYLOAD = 1232;

export function encodeQuestion(id: number, question: DnsQuestion, edns: boolean): Uint8Array {
  const { name, type } = question;
  const opt = {
    type: 'OPT' as const,
    name: '.' as const,
    udpPayloadSize: UDP_PAYLOAD,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const additionals = edns ? [opt] : [];
  return encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ name, type, class: 'IN' }], additionals });
}

/** What `dns-packet` finds in a header besides what its types say. */
interface Header extends Packet {
  readonly rcode: string;
  readonly flag_tc: boolean;
  readonly flag_aa: boolean;
}

/**
 * Reads an answer to the question. Null for one to another question: it is not for us, or forged. Throws DNS_ANSWER when
 * it is ours and can't be read.
 */
export function readReply(bytes: Uint8Array, id: number, question: DnsQuestion): DnsReply | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 12 || buffer.readUInt16BE(0) !== id || (buffer[2]! & 0x80) === 0) return null;
  let packet: Header;
  try {
    packet = decode(buffer) as Packet as Header;
  } catch (cause) {
    throw new HeadgateError(`the answer can't be read: ${reasonOf(cause)}`, {
      code: 'DNS_ANSWER',
      source: 'upstream',
      cause,
    });
  }
  if (!answersTo(packet, question)) return null;
  const authorities = packet.authorities ?? [];
  const answers = records(packet.answers);
  return {
    rcode: extendedCode(packet) === 0 ? packet.rcode : `the extended code ${extendedCode(packet)}`,
    truncated: packet.flag_tc,
    referral:
      packet.rcode === 'NOERROR' &&
      !packet.flag_aa &&
      answers.length === 0 &&
      authorities.some((record) => record.type === 'NS') &&
      !authorities.some((record) => record.type === 'SOA'),
    answers,
    authorities: records(authorities),
    additionals: records(packet.additionals),
  };
}

/** The upper bits of the result code; without them a fault such as BADVERS would read as NOERROR (RFC 6891 §6.1.3). */
function extendedCode(packet: Header): number {
  const opt = packet.additionals?.find((record) => record.type === 'OPT');
  return opt?.type === 'OPT' ? opt.extendedRcode : 0;
}

/** A server that does not understand the question may leave it out of its answer. */
function answersTo(packet: Header, { name, type }: DnsQuestion): boolean {
  const asked = packet.questions ?? [];
  if (asked.length === 0) return packet.rcode !== 'NOERROR' && packet.rcode !== 'NXDOMAIN';
  const only = asked.length === 1 ? asked[0]! : null;
  return only !== null && lower(only.name) === lower(name) && only.type === type && (only.class ?? 'IN') === 'IN';
}

function records(answers: readonly Answer[] | undefined): DnsRecord[] {
  return (answers ?? []).flatMap((answer) => (answer.type === 'OPT' ? [] : [record(answer)]));
}

function record(answer: Exclude<Answer, { type: 'OPT' }>): DnsRecord {
  const common = { name: lower(answer.name), ttl: secondsOf(answer.ttl) };
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: answer.type, address: answer.data };
    case 'CNAME':
      return { ...common, type: 'CNAME', target: lower(answer.data) };
    case 'SRV': {
      const { target, port, priority = 0, weight = 0 } = answer.data;
      return { ...common, type: 'SRV', target: lower(target), port, priority, weight };
    }
    case 'SOA':
      return { ...common, type: 'SOA', ttl: Math.min(common.ttl, secondsOf(answer.data.minimum)) };
    default:
      return { ...common, type: 'other' };
  }
}

/** A TTL with the highest bit set counts as zero (RFC 2181 §8). */
function secondsOf(ttl: number | undefined): number {
  return ttl === undefined || ttl >= 2 ** 31 ? 0 : ttl;
}

function lower(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
