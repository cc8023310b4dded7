import type { Gate } from './key-order.ts';
import type { NodeHandle } from './types.ts';

/** The load of n nodes is summed up once in n / 16 picks, or sooner when time has passed: at every pick below 32 nodes. */
const NODES_A_PICK = 16;

/**
 * Bounded loads (Mirrokni, Thorup and Zadimoghaddam 2017): a node is full when one more use would be more than
 * `factor` times its share, by weight, of all that is under way. There is always a node that isn't.
 */
export class LoadBound implements Gate {
  readonly #handles: readonly NodeHandle[];
  readonly #factors: Float64Array;
  #total = 0;
  /** Picks for which the sum still serves, and the moment of which it is. */
  #serves = 0;
  #summedAt = -1;
  /** Of the pick under way. */
  #now = 0;
  #isKnown = false;

  constructor(handles: readonly NodeHandle[], weights: Float64Array, factor: number) {
    this.#handles = handles;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    this.#factors = weights.map((weight) => (factor * weight) / sum);
  }

  /** To be called first in each pick. */
  begin(now: number): void {
    this.#now = now;
    this.#isKnown = false;
  }

  admits(index: number): boolean {
    const inflight = this.#handles[index]!.inflight();
    if (inflight === 0) return true;
    if (!this.#isKnown) this.#sumUp();
    // Less a hair, as products of fractions may come out above a whole number.
    return inflight + 1 <= Math.ceil(this.#factors[index]! * (this.#total + 1) - 1e-9);
  }

  #sumUp(): void {
    this.#isKnown = true;
    if (this.#serves > 0 && this.#now === this.#summedAt) {
      this.#serves -= 1;
      this.#total += 1;
      return;
    }
    let total = 0;
    for (let index = 0; index < this.#handles.length; index++) total += this.#handles[index]!.inflight();
    this.#total = total;
    this.#serves = Math.floor(this.#handles.length / NODES_A_PICK) - 1;
    this.#summedAt = this.#now;
  }
}
