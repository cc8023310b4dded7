import { AuthorityCursor, parseAuthority } from './authority.ts';
import { Byte, isWord } from './bytes.ts';
import { Line, nextField } from './field-lines.ts';
import { Field, REQUEST_FIELDS } from './field-names.ts';
import { Framing, type HeadLimits, type Rejection, type RequestHead } from './head.ts';
import { MessageFields } from './message-fields.ts';
import { normalisePath } from './path.ts';
import { Refused } from './refusals.ts';
import { parseRequestLine, RequestLine } from './request-line.ts';

/** Heads beyond this size are looked through for their end before they are read, so that dripping one in stays cheap. */
const LARGE = 4096;
const HEAD_END = Buffer.from('\r\n\r\n');

/** What the fields say besides what `MessageFields` knows. One object serves all heads of a thread. */
class RequestFields extends MessageFields {
  readonly requestLine = new RequestLine();
  readonly authority = new AuthorityCursor();
  hasHost = false;
  hostStart = 0;
  hostEnd = 0;
  hasExpect = false;
  hasWebsocketKey = false;

  override reset(fieldsStart: number): void {
    super.reset(fieldsStart);
    this.hasHost = false;
    this.hasExpect = false;
    this.hasWebsocketKey = false;
  }
}

const scan = new RequestFields();

/**
 * Reads a request head from `buffer[start, end)`.
 *
 * Returns the length of the head in bytes, one empty line before it included (RFC 9112 §2.2); 0 when it is not complete
 * yet: call again with the same start and more bytes; or -1 when it is refused, with the reason in `head.rejection`.
 * The bytes are judged from left to right, so a hopeless head is refused at its first wrong byte, and the verdict does not
 * depend on how the bytes arrive. Reading starts afresh with each call: at most 4 KiB are read in vain.
 */
export function parseRequestHead(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  head: RequestHead,
): number {
  head.rejection = null;
  const limit = Math.min(end, start + limits.maxBytes);
  const length = limit - start;
  if (length > LARGE && length < limits.maxBytes && !buffer.subarray(start, end).includes(HEAD_END)) return 0;
  let at = start;
  if (buffer[start] === Byte.cr && start < limit) {
    if (start + 1 === limit) return 0;
    if (buffer[start + 1] !== Byte.lf) return refuse(head, Refused.lineEnd);
    at = start + 2;
  }
  const line = scan.requestLine;
  const fieldsStart = parseRequestLine(buffer, at, limit, line);
  if (fieldsStart === Line.refused) return refuse(head, line.rejection);
  if (fieldsStart < 0) return incomplete(head, length, limits, Refused.targetTooLong);
  scan.reset(fieldsStart);
  resetForwarding(head);
  const fieldsEnd = readFields(buffer, fieldsStart, limit, limits.maxFields, head);
  if (fieldsEnd === Line.incomplete) return incomplete(head, length, limits, Refused.headTooLong);
  const rejection = fieldsEnd < 0 ? head.rejection : complete(buffer, at, fieldsEnd, head);
  return rejection === null ? scan.line.next - start : refuse(head, rejection);
}

function refuse(head: RequestHead, rejection: Rejection): -1 {
  head.rejection = rejection;
  return -1;
}

function incomplete(head: RequestHead, length: number, limits: HeadLimits, tooLong: Rejection): 0 | -1 {
  return length < limits.maxBytes ? 0 : refuse(head, tooLong);
}

function resetForwarding(head: RequestHead): void {
  head.teTrailers = false;
  head.forwardedFor = '';
  head.forwardedProto = '';
  head.forwardedHost = '';
  head.forwardedPort = '';
}

/** Position of the empty line that ends the fields, or a member of `Line`. */
function readFields(buffer: Buffer, start: number, limit: number, maxFields: number, head: RequestHead): number {
  const line = scan.line;
  let at = start;
  for (let count = 0; ; count++) {
    const id = nextField(buffer, at, limit, REQUEST_FIELDS, line);
    if (id < 0) {
      if (id === Line.end) return at;
      if (id === Line.refused) head.rejection = line.rejection;
      return id;
    }
    if (count === maxFields) head.rejection = Refused.tooManyFields;
    else if (id !== Field.other) head.rejection = takeField(buffer, id, at, head);
    if (head.rejection !== null) return Line.refused;
    at = line.next;
  }
}

function takeField(buffer: Buffer, id: number, at: number, head: RequestHead): Rejection | null {
  const line = scan.line;
  if (id !== Field.expect && id !== Field.trailer && id !== Field.websocketKey) scan.drop(at, line.next);
  switch (id) {
    case Field.host:
      return takeHost(buffer);
    case Field.connection:
      return scan.takeConnection(buffer);
    case Field.contentLength:
      return scan.takeContentLength(buffer);
    case Field.transferEncoding:
      return scan.takeTransferEncoding(buffer, scan.requestLine.minor);
    case Field.expect:
      return takeExpect(buffer);
    case Field.trailer:
      scan.hasTrailer = true;
      return null;
    case Field.upgrade:
      scan.takeUpgrade(buffer);
      return null;
    case Field.websocketKey:
      scan.hasWebsocketKey = true;
      return null;
    default:
      takeForwarding(buffer, id, head);
      return null;
  }
}

function takeHost(buffer: Buffer): Rejection | null {
  const { valueStart, valueEnd } = scan.line;
  if (scan.hasHost || !parseAuthority(buffer, valueStart, valueEnd, scan.authority)) return Refused.host;
  scan.hasHost = true;
  scan.hostStart = valueStart;
  scan.hostEnd = valueEnd;
  return null;
}

function takeExpect(buffer: Buffer): Rejection | null {
  if (scan.hasExpect || !isWord(buffer, scan.line.valueStart, scan.line.valueEnd, '100-continue'))
    return Refused.expect;
  scan.hasExpect = true;
  return null;
}

/** Fields that arrive rarely: what other proxies say of the client, and TE. */
function takeForwarding(buffer: Buffer, id: number, head: RequestHead): void {
  if (id === Field.dropped) return;
  const value = buffer.toString('latin1', scan.line.valueStart, scan.line.valueEnd);
  if (id === Field.forwardedFor) head.forwardedFor = joined(head.forwardedFor, value);
  else if (id === Field.forwardedProto) head.forwardedProto = joined(head.forwardedProto, value);
  else if (id === Field.forwardedHost) head.forwardedHost = joined(head.forwardedHost, value);
  else if (id === Field.forwardedPort) head.forwardedPort = joined(head.forwardedPort, value);
  else if (id === Field.te && /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value)) head.teTrailers = true;
}

function joined(list: string, value: string): string {
  if (value === '') return list;
  return list === '' ? value : `${list}, ${value}`;
}

/** Every byte is read: the head as a whole is judged and written down. */
function complete(buffer: Buffer, at: number, fieldsEnd: number, head: RequestHead): Rejection | null {
  const line = scan.requestLine;
  const text = buffer.toString('latin1', at, fieldsEnd);
  head.method = line.method;
  head.minor = line.minor;
  if (!scan.hasHost && line.minor === 1) return Refused.host;
  const pathStart = buffer[line.targetStart] === Byte.slash ? line.targetStart : takeOtherForm(buffer);
  if (pathStart < 0) return pathStart === BAD_AUTHORITY ? Refused.host : Refused.target;
  takeAuthority(text, at, head);
  if (!takeTarget(text, pathStart - at, at, head)) return Refused.target;
  takeConnectionAndFraming(head);
  head.fields = scan.collect(text, at, fieldsEnd);
  return null;
}

const BAD_FORM = -1;
const BAD_AUTHORITY = -2;

/** Absolute-form (RFC 9112 §3.2.2), whose authority replaces Host, or asterisk-form: where the path begins. */
function takeOtherForm(buffer: Buffer): number {
  const { targetStart, targetEnd, query, method } = scan.requestLine;
  if (buffer[targetStart] === Byte.asterisk) {
    return method === 'OPTIONS' && targetEnd - targetStart === 1 ? targetStart : BAD_FORM;
  }
  const isHttp = isScheme(buffer, targetStart, targetEnd, 'http');
  if (!isHttp && !isScheme(buffer, targetStart, targetEnd, 'https')) return BAD_FORM;
  const authorityStart = targetStart + (isHttp ? 7 : 8);
  let authorityEnd = authorityStart;
  const stop = query < 0 ? targetEnd : query;
  while (authorityEnd < stop && buffer[authorityEnd] !== Byte.slash) authorityEnd++;
  if (!parseAuthority(buffer, authorityStart, authorityEnd, scan.authority)) return BAD_AUTHORITY;
  scan.hasHost = true;
  scan.hostStart = authorityStart;
  scan.hostEnd = authorityEnd;
  return authorityEnd;
}

function isScheme(buffer: Buffer, start: number, end: number, scheme: string): boolean {
  const colon = start + scheme.length;
  if (colon + 3 > end || buffer[colon] !== Byte.colon) return false;
  if (buffer[colon + 1] !== Byte.slash || buffer[colon + 2] !== Byte.slash) return false;
  return isWord(buffer, start, colon, scheme);
}

function takeAuthority(text: string, base: number, head: RequestHead): void {
  if (!scan.hasHost) {
    head.authority = '';
    head.host = '';
    return;
  }
  head.authority = text.slice(scan.hostStart - base, scan.hostEnd - base);
  const hostLength = scan.authority.hostEnd - scan.hostStart;
  const host = hostLength === head.authority.length ? head.authority : head.authority.slice(0, hostLength);
  head.host = scan.authority.hasUpperCase ? host.toLowerCase() : host;
}

/** Path and origin-form target; false when the path is ambiguous. An absolute-form target may have no path at all. */
function takeTarget(text: string, pathStart: number, base: number, head: RequestHead): boolean {
  const { targetEnd, query, needsWork } = scan.requestLine;
  const pathEnd = (query < 0 ? targetEnd : query) - base;
  if (pathStart === pathEnd) {
    head.path = head.method === 'OPTIONS' && query < 0 ? '*' : '/';
    head.target = query < 0 ? head.path : `/${text.slice(query - base, targetEnd - base)}`;
    return true;
  }
  const path = text.slice(pathStart, pathEnd);
  const normal = needsWork ? normalisePath(path) : path;
  if (normal === null) return false;
  head.path = normal;
  if (query < 0) head.target = normal;
  else if (normal === path) head.target = text.slice(pathStart, targetEnd - base);
  else head.target = normal + text.slice(query - base, targetEnd - base);
  return true;
}

function takeConnectionAndFraming(head: RequestHead): void {
  const isHttp11 = scan.requestLine.minor === 1;
  head.keepAlive = !scan.close && (isHttp11 || scan.keepAlive);
  head.contentLength = Math.max(scan.contentLength, 0);
  if (scan.chunked) head.framing = Framing.chunked;
  else head.framing = scan.contentLength > 0 ? Framing.length : Framing.none;
  const hasBody = head.framing !== Framing.none;
  head.expectContinue = scan.hasExpect && hasBody && isHttp11;
  if (scan.hasExpect && !head.expectContinue) scan.remove('expect');
  if (scan.hasTrailer && !scan.chunked) scan.remove('trailer');
  const websocket = scan.upgrade && scan.hasWebsocketKey && scan.upgradeTo === 'websocket';
  head.upgrade = websocket && isHttp11 && !hasBody && head.method === 'GET' ? 'websocket' : '';
}
