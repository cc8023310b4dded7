import { type BadQuery, type Query, RecordType, ResultCode } from './query.ts';

/** One resource record of class IN. */
export interface OutRecord {
  /** In the form of the wire, compressed or not. */
  readonly owner: Uint8Array;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: Uint8Array;
}

export interface Reply {
  readonly code: number;
  readonly answers: readonly OutRecord[];
  readonly authorities: readonly OutRecord[];
  /** Left out first when there is no room. */
  readonly additionals: readonly OutRecord[];
}

/** The most that a datagram of ours holds, so that nobody can make us send much to somebody else (dnsflagday.net 2020). */
export const UDP_LIMIT = 1232;
/** What a client takes that does not say otherwise (RFC 1035 §2.3.4). */
const PLAIN_UDP_LIMIT = 512;
export const TCP_LIMIT = 65_535;

const HEADER_BYTES = 12;
const ANSWER = 0x8000;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const CLASS_IN = 1;

export function udpLimit(query: Query): number {
  return query.edns ? Math.min(UDP_LIMIT, Math.max(PLAIN_UDP_LIMIT, query.edns.payload)) : PLAIN_UDP_LIMIT;
}

/** A result code alone, for a message whose question could not be read. */
export function encodeRefusal(query: BadQuery, code: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(ANSWER | flagsOf(query) | code, 2);
  return header;
}

/**
 * An answer of at most `limit` bytes. Where not all answers have room the first ones stand, marked as cut short, so that the
 * client asks again by TCP; what is missing of the additional section is not marked (RFC 2181 §9).
 */
export function encodeReply(query: Query, reply: Reply, limit: number): Uint8Array {
  const opt = query.edns ? [optRecord(reply.code)] : [];
  const room = new Room(limit - HEADER_BYTES - query.question.length - size(opt));
  const answers = room.take(reply.answers);
  const cut = answers.length < reply.answers.length;
  const authorities = cut ? [] : room.take(reply.authorities);
  const additionals = cut ? [] : room.take(reply.additionals);
  const header = Buffer.alloc(HEADER_BYTES);
  const authoritative = reply.code === ResultCode.noError || reply.code === ResultCode.noSuchName ? AUTHORITATIVE : 0;
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(ANSWER | authoritative | (cut ? TRUNCATED : 0) | flagsOf(query) | (reply.code & 15), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  header.writeUInt16BE(authorities.length, 8);
  header.writeUInt16BE(additionals.length + opt.length, 10);
  return Buffer.concat([header, query.question, ...answers, ...authorities, ...additionals, ...opt]);
}

/** Takes records, in order, as long as they fit. */
class Room {
  #left: number;

  constructor(left: number) {
    this.#left = left;
  }

  take(records: readonly OutRecord[]): Uint8Array[] {
    const taken: Uint8Array[] = [];
    for (const record of records) {
      const bytes = encodeRecord(record);
      if (bytes.length > this.#left) break;
      this.#left -= bytes.length;
      taken.push(bytes);
    }
    return taken;
  }
}

function flagsOf(query: BadQuery): number {
  return (query.opcode << 11) | (query.recursionDesired ? RECURSION_DESIRED : 0);
}

function encodeRecord({ owner, type, ttl, data }: OutRecord): Uint8Array {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

function optRecord(code: number): Uint8Array {
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(RecordType.OPT, 1);
  opt.writeUInt16BE(UDP_LIMIT, 3);
  opt[5] = code >> 4;
  return opt;
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
