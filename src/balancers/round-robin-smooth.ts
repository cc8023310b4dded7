import type { Random } from '../core/random.ts';
import type { RoundRobinPicker, Standing } from './standing.ts';
import type { NodeHandle, PickContext } from './types.ts';

/** Rounds longer than this begin within their first picks: reason enough for workers not to march in step. */
const RANDOM_START = 1024;
const NOTHING_TRIED: PickContext = { hash: 0, now: 0, tried: [] };

/**
 * Smooth weighted round robin, as nginx does it: every node gains its weight, the one that has most is picked and pays
 * the sum of all weights. Weights 5, 1, 1 give a a b a c a a. A pick looks at every node, so it is for small sets.
 */
export class SmoothPicker implements RoundRobinPicker {
  readonly #handles: readonly NodeHandle[];
  readonly #weights: Float64Array;
  readonly #current: Float64Array;
  readonly #total: number;

  constructor(ready: readonly NodeHandle[], standing: Standing | null, random: Random) {
    this.#handles = ready;
    this.#weights = Float64Array.from(ready, (handle) => handle.weight);
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#current = new Float64Array(ready.length);
    if (standing) {
      const { owed, newcomer } = standing;
      ready.forEach((handle, index) => {
        this.#current[index] = (owed.get(handle) ?? newcomer) * this.#total;
      });
    } else {
      const skipped = random.below(Math.min(RANDOM_START, Math.ceil(this.#total)));
      for (let pick = 0; pick < skipped; pick++) this.pick(NOTHING_TRIED);
    }
  }

  pick(context: PickContext): NodeHandle | null {
    if (context.tried.length > 0) return this.#pickUntried(context.tried);
    const weights = this.#weights;
    const current = this.#current;
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < weights.length; index++) {
      const value = current[index]! + weights[index]!;
      current[index] = value;
      if (value > most) {
        most = value;
        best = index;
      }
    }
    if (best < 0) return null;
    current[best] = most - this.#total;
    return this.#handles[best]!;
  }

  standing(into: Map<NodeHandle, number>): void {
    for (let index = 0; index < this.#handles.length; index++) {
      into.set(this.#handles[index]!, this.#current[index]! / this.#total);
    }
  }

  /** The nodes that were tried take no part: they neither gain nor pay. */
  #pickUntried(tried: readonly NodeHandle[]): NodeHandle | null {
    let best = -1;
    let total = 0;
    for (let index = 0; index < this.#handles.length; index++) {
      if (tried.includes(this.#handles[index]!)) continue;
      this.#current[index]! += this.#weights[index]!;
      total += this.#weights[index]!;
      if (best < 0 || this.#current[index]! > this.#current[best]!) best = index;
    }
    if (best < 0) return null;
    this.#current[best]! -= total;
    return this.#handles[best]!;
  }
}
