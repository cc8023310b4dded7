import { isIP } from 'node:net';
import { isHost } from '../core/address.ts';

/** Record and handshake layout: RFC 8446 sections 4, 4.1.2 and 5.1; server name: RFC 6066 section 3. */

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEAD = 5;
const MESSAGE_HEAD = 4;
const MAX_RECORD = 16_384;
/** Longest ClientHello that is looked into. With post-quantum key shares one has about 2 KB. */
const MAX_HELLO = 16_384;
const SERVER_NAME = 0;
const HOST_NAME = 0;

export type HelloReading =
  /** More must come: nothing is known before `needs` bytes in all are there. */
  | { readonly kind: 'partial'; readonly needs: number }
  /** Not a ClientHello, or not a valid one. */
  | { readonly kind: 'other' }
  /** `serverName` is in lower case; null when the client names none, or no host name. With ECH it is the outer name. */
  | { readonly kind: 'hello'; readonly serverName: string | null };

const OTHER: HelloReading = { kind: 'other' };

/**
 * Reads the server name that a TLS client asks for, from what its connection has brought so far: without decrypting or
 * taking anything off. The message may be spread over records as it may be over segments.
 */
export function readClientHello(bytes: Buffer): HelloReading {
  const message: Buffer[] = [];
  let held = 0;
  let wanted = MESSAGE_HEAD;
  let headKnown = false;
  for (let at = 0; !headKnown || held < wanted; ) {
    if (!mayBeRecord(bytes, at)) return OTHER;
    if (bytes.length < at + RECORD_HEAD) return { kind: 'partial', needs: at + RECORD_HEAD };
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > MAX_RECORD) return OTHER;
    const start = at + RECORD_HEAD;
    const fragment = bytes.subarray(start, start + size);
    message.push(fragment);
    held += fragment.length;
    if (!headKnown && held >= MESSAGE_HEAD) {
      const head = Buffer.concat(message).subarray(0, MESSAGE_HEAD);
      wanted += head.readUIntBE(1, 3);
      headKnown = true;
      if (head[0] !== CLIENT_HELLO || wanted > MAX_HELLO) return OTHER;
    }
    if (held >= wanted) continue;
    at = start + size;
    if (fragment.length < size) return { kind: 'partial', needs: Math.min(at, bytes.length + wanted - held) };
  }
  return readMessage(Buffer.concat(message).subarray(MESSAGE_HEAD, wanted));
}

/** What there is of a record's head can be that of a handshake record of TLS. */
function mayBeRecord(bytes: Buffer, at: number): boolean {
  if (bytes.length > at && bytes[at] !== HANDSHAKE) return false;
  return bytes.length <= at + 1 || bytes[at + 1] === 3;
}

/** A cursor over vectors with a length in front. Reading past the end makes it fail, and reads nothing. */
class Cursor {
  failed = false;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): void {
    this.take(count);
  }

  take(count: number): Buffer {
    if (this.failed || count > this.left) {
      this.failed = true;
      return NOTHING;
    }
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  number(bytes: 1 | 2): number {
    const field = this.take(bytes);
    return this.failed ? 0 : field.readUIntBE(0, bytes);
  }

  /** A vector whose length stands in the `bytes` before it and lies within bounds. */
  vector(bytes: 1 | 2, minimum: number, maximum: number): Buffer {
    const size = this.number(bytes);
    if (size < minimum || size > maximum) this.failed = true;
    return this.take(size);
  }
}

const NOTHING = Buffer.alloc(0);

function readMessage(body: Buffer): HelloReading {
  const cursor = new Cursor(body);
  if (cursor.number(2) >> 8 !== 3) return OTHER;
  cursor.skip(32);
  cursor.vector(1, 0, 32);
  const suites = cursor.vector(2, 2, 0xfffe);
  cursor.vector(1, 1, 255);
  if (cursor.failed || suites.length % 2 === 1) return OTHER;
  // Before TLS 1.3 a client may leave the extensions out.
  if (cursor.left === 0) return { kind: 'hello', serverName: null };
  const extensions = cursor.vector(2, 0, 0xffff);
  return cursor.failed || cursor.left > 0 ? OTHER : readExtensions(extensions);
}

function readExtensions(block: Buffer): HelloReading {
  const cursor = new Cursor(block);
  let names: Buffer | null = null;
  while (cursor.left > 0) {
    const type = cursor.number(2);
    const data = cursor.vector(2, 0, 0xffff);
    if (cursor.failed) return OTHER;
    if (type !== SERVER_NAME) continue;
    if (names !== null) return OTHER;
    names = data;
  }
  return names === null ? { kind: 'hello', serverName: null } : readNames(names);
}

/** A list with at most one name of each kind. */
function readNames(data: Buffer): HelloReading {
  const outer = new Cursor(data);
  const list = new Cursor(outer.vector(2, 1, 0xffff));
  let name: Buffer | null = null;
  while (list.left > 0) {
    const type = list.number(1);
    const value = list.vector(2, 1, 0xffff);
    if (list.failed || (type === HOST_NAME && name !== null)) return OTHER;
    if (type === HOST_NAME) name = value;
  }
  if (outer.failed || outer.left > 0) return OTHER;
  return { kind: 'hello', serverName: name === null ? null : hostOf(name) };
}

/** A name that is not a host name, such as an IP address, which RFC 6066 rules out, is as good as none. */
function hostOf(name: Buffer): string | null {
  const host = name.toString('latin1').toLowerCase().replace(/\.$/, '');
  return isHost(host) && isIP(host) === 0 ? host : null;
}
