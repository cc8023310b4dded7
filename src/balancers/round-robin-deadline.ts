import type { Random } from '../core/random.ts';
import type { RoundRobinPicker, Standing } from './standing.ts';
import type { NodeHandle, PickContext } from './types.ts';

/** Multiples of it, modulo one, fill the unit interval evenly however many are taken (golden ratio). */
const EVEN_STEP = 0.6180339887498949;

/**
 * Weighted round robin for large sets: earliest deadline first, with a heap (as in gRPC proposal A58).
 *
 * In a virtual time in which a round lasts 1, a node of weight w has w deadlines a round, evenly spaced, and the earliest
 * deadline is picked: exact shares over a round for O(log n) a pick. The nodes' first deadlines are spread, since nodes
 * of one weight would otherwise all come up at the same moment and shut the others out for that long.
 */
export class DeadlinePicker implements RoundRobinPicker {
  readonly #handles: readonly NodeHandle[];
  readonly #weights: Float64Array;
  /** Where in its interval a node's deadlines lie, in [0, 1]. */
  readonly #phases: Float64Array;
  readonly #picks: Float64Array;
  /** (picks + phase) / weight, computed afresh each time: errors do not add up. */
  readonly #deadlines: Float64Array;
  /** Binary heap of indices, earliest deadline first, lower index first among equals. */
  readonly #heap: Int32Array;
  #now = 0;

  constructor(ready: readonly NodeHandle[], standing: Standing | null, random: Random) {
    this.#handles = ready;
    this.#weights = Float64Array.from(ready, (handle) => handle.weight);
    const start = random.next();
    this.#phases = Float64Array.from(ready, (handle, index) => {
      const spread = (start + index * EVEN_STEP) % 1;
      const wait = standing ? 0.5 - (standing.owed.get(handle) ?? standing.newcomer + 0.5 - spread) : spread;
      return Math.max(0, Math.min(1, wait));
    });
    this.#picks = new Float64Array(ready.length);
    this.#deadlines = this.#phases.map((phase, index) => phase / this.#weights[index]!);
    this.#heap = Int32Array.from(ready, (_, index) => index);
    for (let place = (ready.length >> 1) - 1; place >= 0; place--) this.#sink(place);
  }

  pick(context: PickContext): NodeHandle | null {
    const { length } = context.tried;
    const place = length === 0 ? 0 : this.#placeUntried(context.tried);
    const index = this.#heap[place];
    if (index === undefined) return null;
    const deadline = this.#deadlines[index]!;
    if (deadline > this.#now) this.#now = deadline;
    const picks = this.#picks[index]! + 1;
    this.#picks[index] = picks;
    this.#deadlines[index] = (picks + this.#phases[index]!) / this.#weights[index]!;
    this.#sink(place);
    return this.#handles[index]!;
  }

  standing(into: Map<NodeHandle, number>): void {
    for (let index = 0; index < this.#handles.length; index++) {
      const wait = (this.#deadlines[index]! - this.#now) * this.#weights[index]!;
      into.set(this.#handles[index]!, 0.5 - wait);
    }
  }

  /** With t nodes left out, the earliest of the others is among the heap's first t + 1 levels. -1: there is none. */
  #placeUntried(tried: readonly NodeHandle[]): number {
    const end = Math.min(this.#heap.length, 2 ** (tried.length + 1) - 1);
    let best = -1;
    for (let place = 0; place < end; place++) {
      if (tried.includes(this.#handles[this.#heap[place]!]!)) continue;
      if (best < 0 || this.#before(this.#heap[place]!, this.#heap[best]!)) best = place;
    }
    return best;
  }

  #before(a: number, b: number): boolean {
    const first = this.#deadlines[a]!;
    const second = this.#deadlines[b]!;
    return first < second || (first === second && a < b);
  }

  #sink(place: number): void {
    const heap = this.#heap;
    const index = heap[place]!;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!this.#before(heap[child]!, index)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = index;
  }
}
