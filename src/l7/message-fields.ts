import { Byte, isWord } from './bytes.ts';
import { isOption, isProtected, tokensOf, withoutFields } from './connection-options.ts';
import { FieldCursor } from './field-lines.ts';
import type { Rejection } from './head.ts';
import { Refused } from './refusals.ts';

const MAX_OPTIONS = 64;

/**
 * What is gathered from the fields of one message, request or response, while its lines are read: framing, connection
 * options, and which stretches of the head are passed on. One object serves every message of a thread, because a head
 * is read without a pause.
 */
export class MessageFields {
  readonly line = new FieldCursor();
  /** -1: no Content-Length. */
  contentLength = -1;
  chunked = false;
  close = false;
  keepAlive = false;
  /** `upgrade` stands in Connection. */
  upgrade = false;
  hasTrailer = false;
  /** Value of Upgrade in lower case; the lists of several lines joined. */
  upgradeTo = '';
  /** Members of all Connection lines so far, but for the two usual ones. */
  #options = 0;
  /** Names of fields to remove that may have been passed already; null as long as there are none. */
  #removed: Set<string> | null = null;
  /** Stretches that stay, as pairs of start and end. */
  readonly #kept: number[] = [];
  #keptLength = 0;
  #from = 0;

  reset(fieldsStart: number): void {
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.hasTrailer = false;
    this.upgradeTo = '';
    this.#options = 0;
    this.#removed = null;
    this.#keptLength = 0;
    this.#from = fieldsStart;
  }

  /** The line from `start` to `next` is not passed on. */
  drop(start: number, next: number): void {
    this.#keepUntil(start);
    this.#from = next;
  }

  /** Removes all lines of that name (lower case) when the head is complete. */
  remove(name: string): void {
    this.#removed ??= new Set();
    this.#removed.add(name);
  }

  /** The lines to pass on; `text` is the head from byte `base`, the fields end at byte `end`. */
  collect(text: string, base: number, end: number): string {
    this.#keepUntil(end);
    let fields = '';
    for (let i = 0; i < this.#keptLength; i += 2) {
      fields += text.slice((this.#kept[i] as number) - base, (this.#kept[i + 1] as number) - base);
    }
    return this.#removed === null ? fields : withoutFields(fields, this.#removed);
  }

  /** Digits only, below 2⁵³, once (RFC 9110 §8.6). */
  takeContentLength(buffer: Buffer): Rejection | null {
    const { valueStart, valueEnd } = this.line;
    if (this.contentLength >= 0 || valueStart === valueEnd) return Refused.contentLength;
    let length = 0;
    for (let i = valueStart; i < valueEnd; i++) {
      const digit = (buffer[i] as number) - Byte.zero;
      if (digit < 0 || digit > 9) return Refused.contentLength;
      length = length * 10 + digit;
      if (length > Number.MAX_SAFE_INTEGER) return Refused.contentLength;
    }
    this.contentLength = length;
    return this.chunked ? Refused.twoFramings : null;
  }

  /** Exactly `chunked`, once, with no blank behind it, and not in HTTP/1.0 (RFC 9112 §6.1). */
  takeTransferEncoding(buffer: Buffer, minor: number): Rejection | null {
    const { valueStart, valueEnd, next } = this.line;
    if (minor === 0) return Refused.codingInHttp10;
    if (this.chunked || valueEnd !== next - 2) return Refused.transferEncoding;
    if (this.contentLength >= 0) return Refused.twoFramings;
    if (!isWord(buffer, valueStart, valueEnd, 'chunked')) return wrongCoding(this.#value(buffer));
    this.chunked = true;
    return null;
  }

  takeConnection(buffer: Buffer): Rejection | null {
    const { valueStart, valueEnd } = this.line;
    if (isWord(buffer, valueStart, valueEnd, 'keep-alive')) this.keepAlive = true;
    else if (isWord(buffer, valueStart, valueEnd, 'close')) this.close = true;
    else return this.#takeOptions(tokensOf(this.#value(buffer)));
    return null;
  }

  takeUpgrade(buffer: Buffer): void {
    const value = this.#value(buffer).toLowerCase();
    this.upgradeTo = this.upgradeTo === '' ? value : `${this.upgradeTo}, ${value}`;
  }

  #takeOptions(options: string[] | null): Rejection | null {
    if (options === null || (this.#options += options.length) > MAX_OPTIONS) return Refused.connection;
    for (const option of options) {
      if (option === 'close') this.close = true;
      else if (option === 'keep-alive') this.keepAlive = true;
      else if (option === 'upgrade') this.upgrade = true;
      else if (isProtected(option)) return Refused.connectionNames;
      else if (!isOption(option)) this.remove(option);
    }
    return null;
  }

  #value(buffer: Buffer): string {
    return buffer.toString('latin1', this.line.valueStart, this.line.valueEnd);
  }

  #keepUntil(end: number): void {
    if (end === this.#from) return;
    this.#kept[this.#keptLength++] = this.#from;
    this.#kept[this.#keptLength++] = end;
    this.#from = end;
  }
}

/** A coding that we do not know is "not implemented"; a list that can mean two things is an attack. */
function wrongCoding(value: string): Rejection {
  const codings = tokensOf(value);
  if (codings === null || codings.length === 0) return Refused.transferEncoding;
  const chunked = codings.indexOf('chunked');
  return chunked < 0 || chunked === codings.length - 1 ? Refused.transferCoding : Refused.transferEncoding;
}
