import { Byte, NAME, TARGET, TargetKind } from './bytes.ts';
import { FieldCursor, Line, lineEnd } from './field-lines.ts';
import type { Rejection } from './head.ts';
import { Refused } from './refusals.ts';

const LONGEST_METHOD = 32;
const LONGEST_TARGET = 8192;
/** `HTTP/1.1`, to which every version is compared. */
const VERSION = Buffer.from('HTTP/1.1');

/** Where the parts of the request line stand in the buffer. Reused: valid until the next call. */
export class RequestLine {
  method = '';
  targetStart = 0;
  targetEnd = 0;
  /** Position of the first `?`; -1 without a query. */
  query = -1;
  /** The path holds an escape, `//` or `/.`: it may not be normal yet. */
  needsWork = false;
  minor: 0 | 1 = 1;
  rejection: Rejection = Refused.requestLine;
  readonly end = new FieldCursor();
}

/**
 * Reads `METHOD SP target SP HTTP/1.x CRLF` (RFC 9112 §3) with exactly one space between the parts.
 *
 * Returns the position after the line, or a member of `Line`. The verdict on a byte never depends on later ones.
 */
export function parseRequestLine(buffer: Buffer, at: number, limit: number, line: RequestLine): number {
  const methodEnd = scanMethod(buffer, at, limit, line);
  if (methodEnd < 0) return methodEnd;
  const targetEnd = scanTarget(buffer, methodEnd + 1, limit, line);
  if (targetEnd < 0) return targetEnd;
  return scanVersion(buffer, targetEnd + 1, limit, line);
}

function refuse(line: RequestLine, rejection: Rejection): number {
  line.rejection = rejection;
  return Line.refused;
}

function scanMethod(buffer: Buffer, at: number, limit: number, line: RequestLine): number {
  const stop = Math.min(limit, at + LONGEST_METHOD + 1);
  let i = at;
  while (i < stop && NAME[buffer[i] as number] !== 0) i++;
  if (i - at > LONGEST_METHOD) return refuse(line, Refused.methodTooLong);
  if (i === limit) return Line.incomplete;
  if (i === at || buffer[i] !== Byte.space) return refuse(line, Refused.requestLine);
  line.method = methodName(buffer, at, i);
  if (line.method === 'CONNECT' || line.method === 'TRACE') return refuse(line, Refused.methodDisabled);
  return i;
}

/** The usual methods are recognised without making a string. */
function methodName(buffer: Buffer, start: number, end: number): string {
  const length = end - start;
  const first = buffer[start] as number;
  if (length === 3 && first === 0x47 && buffer[start + 1] === 0x45 && buffer[start + 2] === 0x54) return 'GET';
  if (length === 4 && first === 0x50 && buffer[start + 1] === 0x4f && buffer[start + 2] === 0x53) {
    if (buffer[start + 3] === 0x54) return 'POST';
  }
  return buffer.toString('latin1', start, end);
}

function scanTarget(buffer: Buffer, start: number, limit: number, line: RequestLine): number {
  const stop = Math.min(limit, start + LONGEST_TARGET + 1);
  line.query = -1;
  line.needsWork = false;
  let i = start;
  for (; i < stop; i++) {
    const kind = TARGET[buffer[i] as number] as number;
    if (kind === TargetKind.plain) continue;
    if (kind === 0) break;
    if (line.query >= 0) continue;
    if (kind === TargetKind.question) line.query = i;
    else if (kind === TargetKind.percent || followsSlash(buffer[i + 1])) line.needsWork = true;
  }
  if (i - start > LONGEST_TARGET) return refuse(line, Refused.targetTooLong);
  if (i === limit) return Line.incomplete;
  if (buffer[i] !== Byte.space) return refuse(line, isLineEnd(buffer[i]) ? Refused.requestLine : Refused.target);
  if (i === start) return refuse(line, Refused.requestLine);
  line.targetStart = start;
  line.targetEnd = i;
  return i;
}

function followsSlash(byte: number | undefined): boolean {
  return byte === Byte.slash || byte === Byte.dot;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === Byte.cr || byte === Byte.lf;
}

function scanVersion(buffer: Buffer, start: number, limit: number, line: RequestLine): number {
  const end = start + VERSION.length;
  if (end + 2 > limit || buffer[end] !== Byte.cr || buffer[end + 1] !== Byte.lf) {
    return scanOtherVersion(buffer, start, limit, line);
  }
  for (let i = 0; i < VERSION.length; i++) {
    if (buffer[start + i] !== VERSION[i]) return scanOtherVersion(buffer, start, limit, line);
  }
  line.minor = 1;
  return end + 2;
}

/** Anything that is not a complete `HTTP/1.1 CRLF`: HTTP/1.0, other versions, parts of a line, mistakes. */
function scanOtherVersion(buffer: Buffer, start: number, limit: number, line: RequestLine): number {
  for (let i = 0; i < VERSION.length; i++) {
    if (start + i === limit) return Line.incomplete;
    const byte = buffer[start + i] as number;
    const isDigit = i === 5 || i === 7;
    if (isDigit ? byte < Byte.zero || byte > Byte.nine : byte !== VERSION[i]) return refuse(line, Refused.requestLine);
  }
  const minor = (buffer[start + 7] as number) - Byte.zero;
  if (buffer[start + 5] !== 0x31 || minor > 1) return refuse(line, Refused.version);
  line.minor = minor as 0 | 1;
  if (start + VERSION.length === limit) return Line.incomplete;
  const next = lineEnd(buffer, start + VERSION.length, limit, Refused.requestLine, line.end);
  if (next === Line.refused) line.rejection = line.end.rejection;
  return next;
}
