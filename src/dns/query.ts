/** Codes of RFC 1035, RFC 3596, RFC 2782 and RFC 6891. */
export const RecordType = { A: 1, SOA: 6, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const ResultCode = {
  noError: 0,
  badFormat: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** More records behind the question than any client sends. */
const MAX_EXTRA = 8;

/** A question that can be answered. */
export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** Lower case, outermost last. A dot within a label is part of the label. */
  readonly labels: readonly string[];
  readonly type: number;
  readonly class: number;
  /** Name, type and class as they came, which an answer repeats. */
  readonly question: Uint8Array;
  /** Null when the client does not know EDNS. */
  readonly edns: { readonly version: number; readonly payload: number } | null;
}

/** A message that is not a question we can read, but deserves to be told so. */
export interface BadQuery {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
}

/** Reads a question. Null for what must not be answered at all: an answer, or less than a header. */
export function parseQuery(message: Uint8Array): Query | BadQuery | null {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (bytes.length < HEADER_BYTES || (bytes[2]! & 0x80) !== 0) return null;
  const head: BadQuery = {
    id: bytes.readUInt16BE(0),
    opcode: (bytes[2]! >> 3) & 15,
    recursionDesired: (bytes[2]! & 1) !== 0,
  };
  const counts = [4, 6, 8, 10].map((offset) => bytes.readUInt16BE(offset));
  const [questions = 0, answers = 0, authorities = 0, extra = 0] = counts;
  if (questions !== 1 || answers !== 0 || authorities !== 0 || extra > MAX_EXTRA) return head;
  const name = readName(bytes);
  if (!name || name.end + 4 > bytes.length) return head;
  const end = name.end + 4;
  const edns = readEdns(bytes, end, extra);
  if (edns === 'bad') return head;
  return {
    ...head,
    labels: name.labels,
    type: bytes.readUInt16BE(name.end),
    class: bytes.readUInt16BE(name.end + 2),
    question: bytes.subarray(HEADER_BYTES, end),
    edns,
  };
}

/** The name of the first question has nothing in front of it that it could point to. */
function readName(bytes: Buffer): { readonly labels: readonly string[]; readonly end: number } | null {
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = bytes[offset];
    if (length === undefined || length > MAX_LABEL_BYTES) return null;
    offset += 1;
    if (length === 0) return { labels, end: offset };
    if (offset + length > bytes.length || offset + length - HEADER_BYTES >= MAX_NAME_BYTES) return null;
    labels.push(bytes.toString('latin1', offset, offset + length).toLowerCase());
    offset += length;
  }
}

function readEdns(bytes: Buffer, start: number, records: number): Query['edns'] | 'bad' {
  let offset = start;
  let edns: Query['edns'] = null;
  for (let left = records; left > 0; left--) {
    const end = skipName(bytes, offset);
    if (end === null || end + 10 > bytes.length) return 'bad';
    if (bytes.readUInt16BE(end) === RecordType.OPT) {
      if (edns || end !== offset + 1) return 'bad';
      edns = { payload: bytes.readUInt16BE(end + 2), version: bytes[end + 5]! };
    }
    offset = end + 10 + bytes.readUInt16BE(end + 8);
    if (offset > bytes.length) return 'bad';
  }
  return edns;
}

/** Where a name ends; it may end in a pointer, which need not be followed for that. */
function skipName(bytes: Buffer, start: number): number | null {
  for (let offset = start; ; ) {
    const length = bytes[offset];
    if (length === undefined) return null;
    if (length === 0) return offset + 1;
    if (length >= 0xc0) return offset + 2;
    if (length > MAX_LABEL_BYTES) return null;
    offset += 1 + length;
  }
}
