import { Byte, VALUE } from './bytes.ts';
import { Line, lineEnd, nextField } from './field-lines.ts';
import { Field, RESPONSE_FIELDS } from './field-names.ts';
import { Framing, type HeadLimits, type Rejection, type ResponseHead } from './head.ts';
import { MessageFields } from './message-fields.ts';
import { Refused } from './refusals.ts';

const VERSION = Buffer.from('HTTP/1.');
/** `HTTP/1.1 200` */
const STATUS_END = 12;

const scan = new MessageFields();

/**
 * Reads a response head from `buffer[start, end)`; `method` is that of the request it answers.
 *
 * Returns like `parseRequestHead`. A refused response (-1) is a 502 to the client, and its connection cannot be used any
 * more. Anything that leaves its framing open to doubt is refused, even where RFC 9112 §6.3 would let a client recover.
 */
export function parseResponseHead(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  method: string,
  head: ResponseHead,
): number {
  head.rejection = null;
  const limit = Math.min(end, start + limits.maxBytes);
  const reasonEnd = parseStatusLine(buffer, start, limit, head);
  if (reasonEnd === Line.refused) return -1;
  if (reasonEnd === Line.incomplete) return incomplete(head, limit - start, limits);
  scan.reset(scan.line.next);
  const fieldsEnd = readFields(buffer, scan.line.next, limit, limits.maxFields, head);
  if (fieldsEnd === Line.refused) return -1;
  if (fieldsEnd === Line.incomplete) return incomplete(head, limit - start, limits);
  complete(buffer, start, reasonEnd, fieldsEnd, method, head);
  return scan.line.next - start;
}

function incomplete(head: ResponseHead, length: number, limits: HeadLimits): 0 | -1 {
  if (length < limits.maxBytes) return 0;
  head.rejection = Refused.headTooLong;
  return -1;
}

/** `HTTP/1.x SP status [SP reason] CRLF`: the end of the reason, or a member of `Line`. The space may be left out with it. */
function parseStatusLine(buffer: Buffer, start: number, limit: number, head: ResponseHead): number {
  for (let i = 0; i < STATUS_END; i++) {
    if (start + i === limit) return Line.incomplete;
    if (!isStatusLineByte(buffer[start + i] as number, i)) return refuse(head, Refused.statusLine);
  }
  head.minor = buffer[start + 7] === 0x31 ? 1 : 0;
  head.status = digit(buffer, start + 9) * 100 + digit(buffer, start + 10) * 10 + digit(buffer, start + 11);
  let i = start + STATUS_END;
  if (buffer[i] === Byte.space) while (i < limit && VALUE[buffer[i] as number] === 1) i++;
  if (i >= limit) return Line.incomplete;
  const next = lineEnd(buffer, i, limit, Refused.statusLine, scan.line);
  if (next === Line.refused) return refuse(head, scan.line.rejection);
  scan.line.next = next;
  return next < 0 ? next : i;
}

function refuse(head: ResponseHead, rejection: Rejection): number {
  head.rejection = rejection;
  return Line.refused;
}

function isStatusLineByte(byte: number, i: number): boolean {
  if (i < VERSION.length) return byte === VERSION[i];
  if (i === 7) return byte === 0x30 || byte === 0x31;
  if (i === 8) return byte === Byte.space;
  return byte >= (i === 9 ? 0x31 : Byte.zero) && byte <= Byte.nine;
}

function digit(buffer: Buffer, at: number): number {
  return (buffer[at] as number) - Byte.zero;
}

function readFields(buffer: Buffer, start: number, limit: number, maxFields: number, head: ResponseHead): number {
  const line = scan.line;
  let at = start;
  for (let count = 0; ; count++) {
    const id = nextField(buffer, at, limit, RESPONSE_FIELDS, line);
    if (id < 0) {
      if (id === Line.end) return at;
      if (id === Line.refused) head.rejection = line.rejection;
      return id;
    }
    if (count === maxFields) head.rejection = Refused.tooManyFields;
    else if (id !== Field.other) head.rejection = takeField(buffer, id, at, head.minor);
    if (head.rejection !== null) return Line.refused;
    at = line.next;
  }
}

function takeField(buffer: Buffer, id: number, at: number, minor: number): Rejection | null {
  if (id === Field.trailer) {
    scan.hasTrailer = true;
    return null;
  }
  scan.drop(at, scan.line.next);
  if (id === Field.contentLength) return scan.takeContentLength(buffer);
  if (id === Field.transferEncoding) return scan.takeTransferEncoding(buffer, minor);
  if (id === Field.connection) return scan.takeConnection(buffer);
  if (id === Field.upgrade) scan.takeUpgrade(buffer);
  return null;
}

function complete(
  buffer: Buffer,
  start: number,
  reasonEnd: number,
  fieldsEnd: number,
  method: string,
  head: ResponseHead,
): void {
  const text = buffer.toString('latin1', start, fieldsEnd);
  const reasonStart = start + STATUS_END + 1;
  head.reason = text.slice(reasonStart - start, reasonEnd - start);
  head.upgrade = head.status === 101 ? scan.upgradeTo : '';
  head.contentLength = scan.contentLength;
  head.framing = framingOf(head.status, method);
  const wants = !scan.close && (head.minor === 1 || scan.keepAlive);
  head.keepAlive = wants && head.framing !== Framing.close;
  if (scan.hasTrailer && head.framing !== Framing.chunked) scan.remove('trailer');
  head.fields = scan.collect(text, start, fieldsEnd);
}

/** RFC 9112 §6.3. */
function framingOf(status: number, method: string): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return Framing.none;
  if (scan.chunked) return Framing.chunked;
  return scan.contentLength >= 0 ? Framing.length : Framing.close;
}
