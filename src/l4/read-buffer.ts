import type { Socket } from 'node:net';

/** What idle and chatty sockets read into. */
const SHARED_BYTES = 64 * 1024;
/** What a socket in bulk transfer reads into. */
const BULK_BYTES = 256 * 1024;
/** A read that fills this much of its buffer is bulk: the next one gets a buffer of its own. */
const BULK_FROM = SHARED_BYTES / 4;
/** Bulk buffers in existence per pool (32 MiB); sockets above that share, and pay a copy. */
const MAX_BULK = 128;
/** Bulk buffers per socket that pending writes may keep: with more waiting, what is read is copied. */
const MAX_PENDING = 2;
/** Bulk buffers kept for reuse. */
const MAX_FREE = 16;

/** The read buffers of one worker: one that all its quiet sockets share, and a bounded number for those in bulk transfer. */
export class ReadBufferPool {
  readonly shared: Buffer = Buffer.allocUnsafeSlow(SHARED_BYTES);
  readonly #free: Buffer[] = [];
  #lent = 0;

  /** Bulk buffers that sockets hold now. */
  get lent(): number {
    return this.#lent;
  }

  /** A bulk buffer; the shared one when too many are out. */
  take(): Buffer {
    if (this.#lent >= MAX_BULK) return this.shared;
    this.#lent += 1;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BULK_BYTES);
  }

  give(buffer: Buffer): void {
    if (buffer === this.shared) return;
    this.#lent -= 1;
    if (this.#free.length < MAX_FREE) this.#free.push(buffer);
  }

  /** `count` lent buffers will not come back. */
  forfeit(count: number): void {
    this.#lent -= count;
  }
}

/**
 * The reading side of a socket made with `net.connect({ onread: { buffer: () => reader.next(), callback } })`.
 *
 * Node asks for the buffer of the next read right after each read, not when the next one comes: an idle socket always
 * holds one. So quiet sockets all hold the same, and its bytes are copied out, which is cheap while reads are small. A
 * socket whose reads are large gets a buffer of its own, whose bytes are written on as they lie there. When that write
 * does not finish at once, the buffer stays with it, and the next read gets another.
 *
 * In the callback: `peer.write(reader.bytes(start, end))` for each part, and `reader.wrote(peer)` after the last or after
 * each. When the socket closes: `release`.
 */
export class ReadBuffer {
  readonly #pool: ReadBufferPool;
  /** What the last read filled, until `next`. */
  #current: Buffer;
  #bulk = false;
  /** Some `bytes` since the last read are `#current` itself, no copy. */
  #viewed = false;
  /** A pending write on `#peer` refers to `#current`. */
  #kept = false;
  /** A pending write on a former peer does. */
  #lost = false;
  #released = false;
  /** Earlier buffers that pending writes on `#peer` refer to. */
  readonly #pending: Buffer[] = [];
  #peer: Socket | null = null;

  constructor(pool: ReadBufferPool) {
    this.#pool = pool;
    this.#current = pool.shared;
  }

  /** The buffer for the next read. */
  next(): Buffer {
    this.#viewed = false;
    if (this.#kept || this.#lost) this.#leaveCurrent();
    const own = this.#current !== this.#pool.shared;
    const wanted = this.#bulk && this.#pending.length < MAX_PENDING;
    if (wanted === own) return this.#current;
    if (own) this.#pool.give(this.#current);
    this.#current = wanted ? this.#pool.take() : this.#pool.shared;
    return this.#current;
  }

  /** What was read, from `start` to `end`, fit to be written: it stays as it is until the write is done. */
  bytes(start: number, end: number): Buffer {
    this.#bulk = end >= BULK_FROM && !this.#released;
    const view = this.#current.subarray(start, end);
    if (this.#current === this.#pool.shared) return Buffer.from(view);
    if (this.#pending.length > 0 && end < BULK_BYTES / 2) return Buffer.from(view);
    this.#viewed = true;
    return view;
  }

  /** Says that `bytes` went into a write on `peer`: what it still holds is not read into again until it is done. */
  wrote(peer: Socket): void {
    if (peer !== this.#peer) {
      this.#forfeit();
      this.#peer = peer;
    }
    if (peer.writableLength === 0) this.#reclaim();
    else this.#kept = this.#viewed;
  }

  /** The socket is closed. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#bulk = false;
    this.next();
    this.#forfeit();
    this.#peer = null;
  }

  /** The buffer that was read into last belongs to a write now. */
  #leaveCurrent(): void {
    if (this.#lost) this.#pool.forfeit(1);
    else this.#pending.push(this.#current);
    this.#kept = false;
    this.#lost = false;
    this.#current = this.#pool.shared;
  }

  /** Leaves the buffers to the writes that refer to them: nobody will see these end. */
  #forfeit(): void {
    this.#pool.forfeit(this.#pending.length);
    this.#pending.length = 0;
    this.#lost ||= this.#kept;
    this.#kept = false;
  }

  #reclaim(): void {
    this.#kept = false;
    for (let buffer = this.#pending.pop(); buffer; buffer = this.#pending.pop()) this.#pool.give(buffer);
  }
}
