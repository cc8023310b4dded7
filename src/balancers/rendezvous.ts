import { mix32 } from './hash.ts';
import type { Gate, KeyOrder } from './key-order.ts';

const SCALE = 2 ** -32;

/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Schindelhauer and Schomaker 2005): every node
 * draws a time from an exponential distribution with its weight as the rate, key and node being the seed, and the
 * earliest wins.
 *
 * Shares are those of the weights, and a node that comes, goes, or changes its weight moves no key between two others. A
 * pick looks at every node, so it is for small sets.
 */
export class Rendezvous implements KeyOrder {
  readonly #hashes: Uint32Array;
  /** One over the weights; null when they are all the same. */
  readonly #inverse: Float64Array | null;

  constructor(hashes: Uint32Array, weights: Float64Array) {
    this.#hashes = hashes;
    this.#inverse = weights.every((weight) => weight === weights[0]) ? null : weights.map((weight) => 1 / weight);
  }

  first(key: number): number {
    return this.#inverse === null ? this.#firstOfEqual(key) : this.#firstOfUnequal(key, this.#inverse);
  }

  firstOf(key: number, gate: Gate): number {
    const hashes = this.#hashes;
    let best = -1;
    let earliest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < hashes.length; index++) {
      const inverse = this.#inverse === null ? 1 : this.#inverse[index]!;
      const time = timeOf(mix32(key ^ hashes[index]!), inverse, earliest);
      if (time >= earliest || !gate.admits(index)) continue;
      earliest = time;
      best = index;
    }
    return best;
  }

  /** With equal weights the earliest is that of the smallest draw. */
  #firstOfEqual(key: number): number {
    const hashes = this.#hashes;
    let best = -1;
    let smallest = 2 ** 32;
    for (let index = 0; index < hashes.length; index++) {
      const draw = mix32(key ^ hashes[index]!);
      if (draw >= smallest) continue;
      smallest = draw;
      best = index;
    }
    return best;
  }

  #firstOfUnequal(key: number, inverse: Float64Array): number {
    const hashes = this.#hashes;
    let best = -1;
    let earliest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < hashes.length; index++) {
      const time = timeOf(mix32(key ^ hashes[index]!), inverse[index]!, earliest);
      if (time >= earliest) continue;
      earliest = time;
      best = index;
    }
    return best;
  }
}

/** -ln(1 - u) / weight. It is never below u / weight, so most nodes are out of the race without a logarithm. */
function timeOf(draw: number, inverseWeight: number, earliest: number): number {
  const u = (draw + 0.5) * SCALE;
  const atLeast = u * inverseWeight;
  return atLeast >= earliest ? atLeast : -Math.log1p(-u) * inverseWeight;
}
