import { probeOf } from '../balancers/hash.ts';
import { hashSource } from './hash-source.ts';

const ROWS = 4;
const CELLS = 1 << 15;
const MASK = CELLS - 1;

/** One block for each worker. */
export interface SourceMemory {
  readonly blocks: readonly SharedArrayBuffer[];
  /** Random: nobody outside knows which addresses share a cell. */
  readonly seed: number;
}

export function allocateSourceCounts(workers: number, seed: number): SourceMemory {
  const bytes = ROWS * CELLS * Int32Array.BYTES_PER_ELEMENT;
  return { blocks: Array.from({ length: workers }, () => new SharedArrayBuffer(bytes)), seed };
}

/** Control thread: a dead worker has no connections and no sessions any more. */
export function clearSourceCounts(memory: SourceMemory, worker: number): void {
  const block = memory.blocks[worker];
  if (block) new Int32Array(block).fill(0);
}

/**
 * Connections and UDP sessions by source address, over all workers, in bounded memory.
 *
 * A worker counts its own by a 32-bit hash. It tells the others by a count-min sketch (Cormode and Muthukrishnan 2005) in shared
 * memory: each worker writes its own block and reads those of all. A source may be taken for busier than it is where it
 * shares its cells of all four rows with others, which with ten thousand sources happens to one in a thousand; never for less
 * busy. With one worker there is nothing to share. An IPv6 source is its /64.
 */
export class SourceCounts {
  readonly #own: Int32Array;
  readonly #others: readonly Int32Array[];
  readonly #seed: number;
  readonly #exact = new Map<number, number>();

  constructor(memory: SourceMemory, worker: number) {
    const blocks = memory.blocks.map((block) => new Int32Array(block));
    this.#own = blocks[worker]!;
    this.#others = blocks.filter((block) => block !== this.#own);
    this.#seed = memory.seed;
  }

  /** Counts one in unless the source has `maximum` already. `scope` keeps listeners apart. False when it has. */
  enter(scope: number, ip: string, maximum: number): boolean {
    const hash = this.#hash(scope, ip);
    const key = keyOf(scope, hash);
    const own = this.#exact.get(key) ?? 0;
    if (own + this.#elsewhere(hash) >= maximum) return false;
    this.#exact.set(key, own + 1);
    this.#add(hash, 1);
    return true;
  }

  /** Counts out what `enter` counted in. */
  leave(scope: number, ip: string): void {
    const hash = this.#hash(scope, ip);
    const key = keyOf(scope, hash);
    const left = (this.#exact.get(key) ?? 0) - 1;
    if (left > 0) this.#exact.set(key, left);
    else this.#exact.delete(key);
    this.#add(hash, -1);
  }

  #hash(scope: number, ip: string): number {
    return hashSource(ip, this.#seed + scope * 0x9e3779b9);
  }

  #add(hash: number, amount: number): void {
    for (let row = 0; row < ROWS; row++) this.#own[cellOf(hash, row)]! += amount;
  }

  #elsewhere(hash: number): number {
    if (this.#others.length === 0) return 0;
    let least = Number.POSITIVE_INFINITY;
    for (let row = 0; row < ROWS; row++) {
      const cell = cellOf(hash, row);
      let sum = 0;
      for (const block of this.#others) sum += block[cell]!;
      least = Math.min(least, sum);
    }
    return least;
  }
}

function keyOf(scope: number, hash: number): number {
  return scope * 2 ** 32 + (hash >>> 0);
}

/** Rows draw independent bits from the hash. */
function cellOf(hash: number, row: number): number {
  return row * CELLS + (probeOf(hash, row) & MASK);
}
