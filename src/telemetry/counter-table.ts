/**
 * Counters in shared memory: `capacity` rows of `fields` numbers for each worker.
 *
 * Each worker writes its own block, so an increment is one plain store; the control thread sums the blocks when somebody
 * asks. A worker that is restarted goes on in the block of the one that died, so counters never run backwards.
 */
export interface CounterMemory {
  readonly fields: number;
  readonly capacity: number;
  readonly blocks: readonly SharedArrayBuffer[];
}

export function allocateCounters(workers: number, capacity: number, fields: number): CounterMemory {
  const size = capacity * fields * Float64Array.BYTES_PER_ELEMENT;
  return { fields, capacity, blocks: Array.from({ length: workers }, () => new SharedArrayBuffer(size)) };
}

/** The writing side: one worker's block. */
export class CounterBlock {
  readonly #values: Float64Array;
  readonly #fields: number;

  constructor(memory: CounterMemory, worker: number) {
    const block = memory.blocks[worker];
    if (!block) throw new RangeError(`there is no counter block for worker ${worker}`);
    this.#values = new Float64Array(block);
    this.#fields = memory.fields;
  }

  add(row: number, field: number, amount: number): void {
    this.#values[row * this.#fields + field]! += amount;
  }
}

/** The reading side: sums over all workers. */
export class CounterSums {
  readonly #blocks: readonly Float64Array[];
  readonly #fields: number;

  constructor(memory: CounterMemory) {
    this.#blocks = memory.blocks.map((block) => new Float64Array(block));
    this.#fields = memory.fields;
  }

  sum(row: number, field: number): number {
    let total = 0;
    for (const values of this.#blocks) total += values[row * this.#fields + field]!;
    return total;
  }

  /** Makes a row blank for a new owner; the caller knows that no worker writes to it. */
  clear(row: number): void {
    for (const values of this.#blocks) values.fill(0, row * this.#fields, (row + 1) * this.#fields);
  }
}
