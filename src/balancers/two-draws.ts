import type { Random } from '../core/random.ts';
import type { NodeHandle } from './types.ts';

/** Draws of a second node that may come out as the first before it is settled without regard to weights. */
const REDRAWS = 4;
const SCALE = 2 ** -31;

/**
 * Two different nodes drawn at random, each as often as its weight says: Walker's alias method (1974, set up as Vose did
 * in 1991), one load and one comparison a draw at any size.
 *
 * Uniform draws would not do: while all nodes are idle nothing tells the two apart, and a node's share is what it is
 * drawn.
 */
export class TwoDraws {
  /** Of mulberry32, seeded by what was injected: numbers of `Math.random` may each cost 16 bytes of heap. */
  readonly #state: Uint32Array;
  readonly #count: number;
  /** A draw of index i stands in this share of cases and else becomes `#aliases[i]`. Null when all weights are the same. */
  readonly #stands: Float64Array | null;
  readonly #aliases: Uint32Array;
  /** Indices of the draw. */
  one = 0;
  other = 0;

  /** For two nodes or more. */
  constructor(handles: readonly NodeHandle[], random: Random) {
    this.#state = Uint32Array.of(random.below(2 ** 32));
    this.#count = handles.length;
    const isEqual = handles.every((handle) => handle.weight === handles[0]!.weight);
    this.#aliases = new Uint32Array(isEqual ? 0 : handles.length);
    this.#stands = isEqual ? null : fillAliases(handles, this.#aliases);
  }

  /** Sets `one` and `other`. */
  draw(): void {
    const stands = this.#stands;
    if (stands === null) {
      this.one = (this.#next() * this.#count * SCALE) | 0;
      this.other = this.#besides(this.one);
      return;
    }
    const one = this.#weighted(stands);
    let other = this.#weighted(stands);
    for (let redraw = 0; redraw < REDRAWS && other === one; redraw++) other = this.#weighted(stands);
    this.one = one;
    this.other = other === one ? this.#besides(one) : other;
  }

  /** Uniform in [0, 2³¹). */
  #next(): number {
    const state = (this.#state[0]! + 0x6d2b79f5) | 0;
    this.#state[0] = state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 1;
  }

  #weighted(stands: Float64Array): number {
    const point = this.#next() * this.#count * SCALE;
    const index = point | 0;
    return point - index < stands[index]! ? index : this.#aliases[index]!;
  }

  #besides(one: number): number {
    const other = (this.#next() * (this.#count - 1) * SCALE) | 0;
    return other >= one ? other + 1 : other;
  }
}

/** Every index gives what it has too much, measured by the average, to one that has too little. */
function fillAliases(handles: readonly NodeHandle[], aliases: Uint32Array): Float64Array {
  let sum = 0;
  for (const handle of handles) sum += handle.weight;
  const stands = Float64Array.from(handles, (handle) => (handle.weight * handles.length) / sum);
  const poor: number[] = [];
  const rich: number[] = [];
  for (let index = 0; index < stands.length; index++) (stands[index]! < 1 ? poor : rich).push(index);
  while (poor.length > 0 && rich.length > 0) {
    const taker = poor.pop()!;
    const giver = rich.at(-1)!;
    aliases[taker] = giver;
    stands[giver]! -= 1 - stands[taker]!;
    if (stands[giver]! >= 1) continue;
    rich.pop();
    poor.push(giver);
  }
  // What is left has its share to within rounding.
  for (const index of poor.length > 0 ? poor : rich) stands[index] = 1;
  return stands;
}
