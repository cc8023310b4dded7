import { Byte, HEX } from './bytes.ts';
import { ChunkExtension } from './chunk-extension.ts';
import type { Rejection } from './head.ts';
import { Refused } from './refusals.ts';
import { TrailerSection } from './trailers.ts';

/** Takes what is to be passed on of a chunked body, in order. */
export interface ChunkedSink {
  /** `buffer[start, end)` of the buffer that is being scanned, to be passed on as it stands. The memory is only lent. */
  raw(buffer: Buffer, start: number, end: number): void;
  /** Bytes that were not in the buffer like this: the trailer section. One character is one byte. */
  text(text: string): void;
}

const State = {
  size: 0,
  moreSize: 1,
  extension: 2,
  sizeLf: 3,
  data: 4,
  dataCr: 5,
  dataLf: 6,
  trailers: 7,
  endLf: 8,
  trailerLine: 9,
  done: 10,
} as const;
type State = (typeof State)[keyof typeof State];

const MAX_SIZE_DIGITS = 15;
const MAX_EXTENSION_BYTES = 16 * 1024;

/**
 * Follows a chunked body (RFC 9112 §7.1) through the buffers in which it arrives, without copying it: what is clean is
 * reported in stretches as long as possible, chunk lines and data together. Chunk extensions are left out, and so are
 * trailer fields that are not on the list of `TrailerSection`. With `decode` only the data is reported.
 *
 * Strict: sizes are 1 to 15 hexadecimal digits and nothing else, every line ends with CR LF.
 */
export class ChunkedScanner {
  /** The body is complete; the bytes that follow are not part of it. */
  done = false;
  /** Why the last `scan` returned -1. */
  error: Rejection | null = null;
  #state: State = State.size;
  #decode = false;
  #size = 0;
  #digits = 0;
  readonly #extension = new ChunkExtension();
  #extensionBytes = 0;
  #trailers: TrailerSection | null = null;
  /** Start of the stretch that is not reported yet; only meaningful within a scan. */
  #from = 0;

  /** Ready for another body. */
  reset(decode = false): void {
    this.done = false;
    this.error = null;
    this.#state = State.size;
    this.#decode = decode;
    this.#size = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailers = null;
  }

  /**
   * Reads on in `buffer[start, end)`. Returns the position after the last byte that belongs to the body, which is `end`
   * unless the body is done; or -1 when the body is malformed: then `error` says why, and the message cannot be saved.
   */
  scan(buffer: Buffer, start: number, end: number, sink: ChunkedSink): number {
    let i = start;
    this.#from = start;
    while (i < end && this.#state !== State.done) {
      i = this.#state === State.data ? this.#skipData(buffer, i, end, sink) : this.#step(buffer, i, end, sink);
      if (i < 0) return -1;
    }
    if (!this.#decode || this.#state === State.data) this.#report(buffer, i, sink);
    return i;
  }

  #skipData(buffer: Buffer, at: number, end: number, sink: ChunkedSink): number {
    const stop = Math.min(end, at + this.#size);
    this.#size -= stop - at;
    if (this.#size === 0) {
      if (this.#decode) this.#report(buffer, stop, sink);
      this.#state = State.dataCr;
    }
    return stop;
  }

  /** One byte of the framing, or a run of them: the next position, or -1. */
  #step(buffer: Buffer, at: number, end: number, sink: ChunkedSink): number {
    const byte = buffer[at] as number;
    switch (this.#state) {
      case State.size:
      case State.moreSize:
        return this.#takeSize(buffer, byte, at, sink);
      case State.extension:
        return this.#skipExtension(buffer, at, end);
      case State.sizeLf:
        if (byte !== Byte.lf) return this.#fail(Refused.chunkEnd);
        this.#startData(at + 1);
        return at + 1;
      case State.dataCr:
        if (byte !== Byte.cr) return this.#fail(Refused.chunkEnd);
        this.#state = State.dataLf;
        return at + 1;
      case State.dataLf:
        if (byte !== Byte.lf) return this.#fail(Refused.chunkEnd);
        this.#state = State.size;
        return at + 1;
      case State.trailers:
        return this.#startTrailers(buffer, byte, at, sink);
      case State.endLf:
        if (byte !== Byte.lf) return this.#fail(Refused.lineEnd);
        this.#finish();
        return at + 1;
      default:
        return this.#readTrailers(buffer, at, end, sink);
    }
  }

  #takeSize(buffer: Buffer, byte: number, at: number, sink: ChunkedSink): number {
    const digit = HEX[byte] as number;
    if (digit !== 0) {
      this.#size = this.#size * 16 + (digit - 1);
      this.#digits += 1;
      if (this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) return this.#fail(Refused.chunkSize);
      this.#state = State.moreSize;
      return at + 1;
    }
    if (this.#state === State.size) return this.#fail(Refused.chunkSize);
    if (byte === Byte.cr) {
      this.#state = State.sizeLf;
      return at + 1;
    }
    if (byte !== Byte.semicolon) return this.#fail(byte === Byte.lf ? Refused.chunkEnd : Refused.chunkSize);
    if (!this.#decode) this.#report(buffer, at, sink);
    this.#extension.reset();
    this.#state = State.extension;
    return at;
  }

  #skipExtension(buffer: Buffer, at: number, end: number): number {
    let i = at;
    while (i < end && this.#extension.take(buffer[i] as number)) i++;
    this.#extensionBytes += i - at;
    if (this.#extensionBytes > MAX_EXTENSION_BYTES) return this.#fail(Refused.chunkExtension);
    this.#from = i;
    if (i === end) return i;
    if (buffer[i] !== Byte.cr || !this.#extension.isWhole) return this.#fail(Refused.chunkExtension);
    this.#state = State.sizeLf;
    return i + 1;
  }

  #startData(at: number): void {
    this.#digits = 0;
    if (this.#size === 0) {
      this.#state = State.trailers;
      return;
    }
    this.#state = State.data;
    if (this.#decode) this.#from = at;
  }

  #startTrailers(buffer: Buffer, byte: number, at: number, sink: ChunkedSink): number {
    if (byte === Byte.cr) {
      this.#state = State.endLf;
      return at + 1;
    }
    if (!this.#decode) this.#report(buffer, at, sink);
    this.#trailers = new TrailerSection();
    this.#state = State.trailerLine;
    return at;
  }

  #readTrailers(buffer: Buffer, at: number, end: number, sink: ChunkedSink): number {
    const trailers = this.#trailers as TrailerSection;
    const next = trailers.read(buffer, at, end);
    if (next < 0) return this.#fail(trailers.rejection ?? Refused.fieldName);
    this.#from = next;
    if (!trailers.done) return next;
    if (!this.#decode) sink.text(`${trailers.kept}\r\n`);
    this.#finish();
    return next;
  }

  #finish(): void {
    this.#state = State.done;
    this.done = true;
  }

  #report(buffer: Buffer, end: number, sink: ChunkedSink): void {
    if (end > this.#from) sink.raw(buffer, this.#from, end);
    this.#from = end;
  }

  #fail(rejection: Rejection): -1 {
    this.error = rejection;
    return -1;
  }
}
