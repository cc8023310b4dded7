import { jittered, type Random } from './random.ts';

/** Exponential waiting times with jitter, in milliseconds: `first`, ×`factor` each, never above `max`. */
export class Backoff {
  readonly #first: number;
  readonly #max: number;
  readonly #factor: number;
  readonly #random: Random;
  #next: number;

  constructor(random: Random, first = 500, max = 30_000, factor = 1.6) {
    this.#random = random;
    this.#first = first;
    this.#max = max;
    this.#factor = factor;
    this.#next = first;
  }

  /** The next wait, ±20 %. */
  next(): number {
    const wait = this.#next;
    this.#next = Math.min(this.#max, wait * this.#factor);
    return jittered(this.#random, wait, 0.2);
  }

  reset(): void {
    this.#next = this.#first;
  }
}
