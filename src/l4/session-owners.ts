import { hashText, mix32, probeOf } from '../balancers/hash.ts';

/** Cells for each session that there may be; a power of two. */
const CELLS_PER_SESSION = 8;
const LEAST_CELLS = 1 << 12;
const MOST_CELLS = 1 << 24;
/** Cells that a session counts in. */
const PROBES = 4;

/** One block for each worker. */
export interface OwnerMemory {
  readonly blocks: readonly SharedArrayBuffer[];
  /** Random: nobody outside knows which clients share cells. */
  readonly seed: number;
}

/** `sessions`: how many there may be at once over all workers. */
export function allocateSessionOwners(workers: number, sessions: number, seed: number): OwnerMemory {
  let cells = LEAST_CELLS;
  while (cells < MOST_CELLS && cells < sessions * CELLS_PER_SESSION) cells *= 2;
  const bytes = cells * Uint16Array.BYTES_PER_ELEMENT;
  return { blocks: Array.from({ length: workers }, () => new SharedArrayBuffer(bytes)), seed };
}

/** Control thread: a dead worker has no sessions any more. */
export function clearSessionOwners(memory: OwnerMemory, worker: number): void {
  const block = memory.blocks[worker];
  if (block) new Uint16Array(block).fill(0);
}

/**
 * Which worker has a session, as far as others need to know: a counting Bloom filter (Fan et al. 2000) for each worker, which
 * it alone writes and all read. It never overlooks a session. With as many sessions as there may be, evenly spread over four
 * workers, fewer than one client in a thousand seems to have one where it has none.
 */
export class SessionOwners {
  readonly #blocks: readonly Uint16Array[];
  readonly #worker: number;
  readonly #mask: number;
  readonly #seed: number;

  constructor(memory: OwnerMemory, worker: number) {
    this.#blocks = memory.blocks.map((block) => new Uint16Array(block));
    this.#worker = worker;
    this.#mask = this.#blocks[worker]!.length - 1;
    this.#seed = memory.seed;
  }

  /** By what all workers know a session: the listener, both addresses, and the client's port. */
  markOf(slot: number, local: string, client: string, port: number): number {
    return mix32(hashText(client, hashText(local, this.#seed + slot)) ^ port);
  }

  begin(mark: number): void {
    this.#add(mark, 1);
  }

  end(mark: number): void {
    this.#add(mark, -1);
  }

  /** Another worker that has the session, or seems to; -1 when none has. */
  ownerOf(mark: number): number {
    for (let worker = 0; worker < this.#blocks.length; worker++) {
      if (worker !== this.#worker && this.#has(this.#blocks[worker]!, mark)) return worker;
    }
    return -1;
  }

  #has(block: Uint16Array, mark: number): boolean {
    for (let probe = 0; probe < PROBES; probe++) if (block[this.#cell(mark, probe)] === 0) return false;
    return true;
  }

  #add(mark: number, amount: number): void {
    const own = this.#blocks[this.#worker]!;
    for (let probe = 0; probe < PROBES; probe++) own[this.#cell(mark, probe)]! += amount;
  }

  #cell(mark: number, probe: number): number {
    return probeOf(mark, probe) & this.#mask;
  }
}
