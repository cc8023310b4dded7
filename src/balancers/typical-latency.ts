import type { NodeHandle } from './types.ts';

/** Nodes that are looked at; the median of that many is close enough to the median of all. */
const SAMPLE = 101;
/** The median is taken anew this many times in the time constant of the latencies. */
const STEPS = 10;
/** In microseconds, when nothing is known of any node; then only load tells nodes apart. */
const UNKNOWN = 1000;

/** The median of what is known of the nodes' latencies: what is assumed of one of which nothing is. */
export class TypicalLatency {
  readonly #handles: readonly NodeHandle[];
  readonly #intervalMs: number;
  readonly #known = new Float64Array(SAMPLE);
  #value = UNKNOWN;
  #reviewAt = Number.NEGATIVE_INFINITY;

  constructor(handles: readonly NodeHandle[], decayMs: number) {
    this.#handles = handles;
    this.#intervalMs = decayMs / STEPS;
  }

  /** Microseconds, at most a tenth of the time constant old. */
  at(now: number): number {
    if (now >= this.#reviewAt) {
      this.#value = this.#median(now);
      this.#reviewAt = now + this.#intervalMs;
    }
    return this.#value;
  }

  #median(now: number): number {
    const handles = this.#handles;
    const stride = Math.max(1, handles.length / SAMPLE);
    let count = 0;
    for (let place = 0; place < handles.length && count < SAMPLE; place += stride) {
      const latency = handles[Math.floor(place)]!.peakLatency(now);
      if (latency > 0) this.#known[count++] = latency;
    }
    return count === 0 ? UNKNOWN : this.#known.subarray(0, count).sort()[count >> 1]!;
  }
}
