import type { Framing } from './http-answer.ts';

/** Longest line between two chunks: a size in hex digits and what may stand behind it. */
const MAX_CHUNK_LINE = 256;

/** Takes the framing off a body that comes in pieces (RFC 9112 §7.1), and tells when it has ended. */
export class BodyReader {
  /** Whether the end of the connection is the end of the body. */
  readonly endsWithConnection: boolean;
  readonly #chunked: boolean;
  readonly #write: (bytes: Buffer) => void;
  /** Bytes left of the body, or of the chunk. */
  #left: number;
  #line = '';
  /** The line break behind a chunk is still to come. */
  #breakDue = false;
  #ended: boolean;

  /** `write` is given the content as it comes. */
  constructor(framing: Framing, write: (bytes: Buffer) => void) {
    this.#write = write;
    this.endsWithConnection = framing.kind === 'close';
    this.#chunked = framing.kind === 'chunked';
    this.#left = framing.kind === 'length' ? framing.length : this.#chunked ? 0 : Number.POSITIVE_INFINITY;
    this.#ended = framing.kind === 'length' && framing.length === 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** False when the chunks are not well formed. */
  read(bytes: Buffer): boolean {
    let at = 0;
    while (at < bytes.length && !this.#ended) {
      if (this.#left === 0) {
        if (!this.#readLine(bytes[at]!)) return false;
        at += 1;
        continue;
      }
      const piece = bytes.subarray(at, Math.min(bytes.length, at + this.#left));
      at += piece.length;
      this.#left -= piece.length;
      this.#write(piece);
      if (this.#left > 0) continue;
      if (this.#chunked) this.#breakDue = true;
      else this.#ended = true;
    }
    return true;
  }

  #readLine(byte: number): boolean {
    if (byte !== 0x0a) {
      this.#line += String.fromCharCode(byte);
      return this.#line.length <= MAX_CHUNK_LINE;
    }
    const line = this.#line.replace(/\r$/, '');
    this.#line = '';
    if (this.#breakDue) {
      this.#breakDue = false;
      return line === '';
    }
    const size = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?$/.exec(line);
    if (!size) return false;
    this.#left = Number.parseInt(size[1]!, 16);
    // Trailers say nothing of the content.
    this.#ended = this.#left === 0;
    return true;
  }
}
