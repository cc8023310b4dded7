/** Two 32-bit cells a row: the state, and how many trials are left. */
const CELLS = 2;
const STATE = 0;
const TRIALS = 1;

const CLOSED = 0;
const OPEN = 1;
const HALF_OPEN = 2;

export function allocateBreakers(rows: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rows * CELLS * 4);
}

/** Circuit breakers in shared memory, one a row: the control thread sets them, every worker asks before it sends. */
export class BreakerCells {
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  /** Whether a request may pass. A half-open breaker lets through as many as it has trials, over all workers. */
  admits(row: number): boolean {
    const state = this.#cells[row * CELLS + STATE]!;
    if (state === CLOSED) return true;
    if (state === OPEN) return false;
    return Atomics.sub(this.#cells, row * CELLS + TRIALS, 1) > 0;
  }

  /** Whether a request would pass; takes no trial. */
  wouldAdmit(row: number): boolean {
    const state = this.#cells[row * CELLS + STATE]!;
    return state === CLOSED || (state === HALF_OPEN && this.#cells[row * CELLS + TRIALS]! > 0);
  }

  close(row: number): void {
    Atomics.store(this.#cells, row * CELLS + STATE, CLOSED);
  }

  open(row: number): void {
    Atomics.store(this.#cells, row * CELLS + STATE, OPEN);
  }

  halfOpen(row: number, trials: number): void {
    Atomics.store(this.#cells, row * CELLS + TRIALS, trials);
    Atomics.store(this.#cells, row * CELLS + STATE, HALF_OPEN);
  }
}
