const EMPTY = Buffer.alloc(0);
const FIRST_CAPACITY = 1024;

/**
 * Bytes that were received and not used yet.
 *
 * Bytes that were consumed stay untouched in memory, because a write under way may still refer to them: what comes later
 * is put behind them or into other memory. In the common case, one read that is used at once, nothing is copied.
 */
export class InputBuffer {
  /** The bytes that wait are `bytes[start..end)`. */
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** True while `bytes` is memory of our own, with room behind `end`. */
  #owned = false;

  get length(): number {
    return this.end - this.start;
  }

  /** Takes over `chunk`, which nobody will write to. */
  append(chunk: Buffer): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.bytes.length - this.end < chunk.length) this.#grow(this.length + chunk.length);
    chunk.copy(this.bytes, this.end);
    this.end += chunk.length;
  }

  /** Appends a copy of `buffer[start..end)`, for memory that its owner will write to again. */
  appendCopy(buffer: Buffer, start: number, end: number): void {
    if (this.start === this.end) this.clear();
    if (!this.#owned || this.bytes.length - this.end < end - start) this.#grow(this.length + end - start);
    buffer.copy(this.bytes, this.end, start, end);
    this.end += end - start;
  }

  consume(count: number): void {
    this.start += count;
    if (this.start === this.end) this.clear();
  }

  /** Takes back what was consumed since `bytes`, `start` and `end` had these values; nothing was appended since then. */
  restore(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#owned = false;
  }

  /** Drops what waits and lets go of the memory. */
  clear(): void {
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
    this.#owned = false;
  }

  /** Doubling keeps the cost of a message that comes byte by byte linear. */
  #grow(needed: number): void {
    const next = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, needed * 2));
    this.bytes.copy(next, 0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    this.bytes = next;
    this.#owned = true;
  }
}
