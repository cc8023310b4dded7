/** Samples in a window. */
export const BUCKETS = 10;
const SAMPLES = BUCKETS + 1;

/**
 * How much running totals grew within a window of time, exactly: differences of samples, taken once a bucket. An average
 * that fades instead would hide an outage behind a burst of good answers.
 */
export class CountWindow {
  readonly #fields: number;
  readonly #samples: Float64Array;
  #next = 0;
  #filled = 0;

  constructor(fields: number) {
    this.#fields = fields;
    this.#samples = new Float64Array(fields * SAMPLES);
  }

  /** Takes the totals at the end of a bucket, one per field. */
  sample(totals: readonly number[]): void {
    this.#samples.set(totals, this.#next * this.#fields);
    this.#next = (this.#next + 1) % SAMPLES;
    this.#filled = Math.min(this.#filled + 1, SAMPLES);
  }

  /** Growth of a field between the oldest and the newest sample. */
  growth(field: number): number {
    if (this.#filled === 0) return 0;
    const newest = (this.#next + SAMPLES - 1) % SAMPLES;
    const oldest = this.#filled < SAMPLES ? 0 : this.#next;
    return this.#samples[newest * this.#fields + field]! - this.#samples[oldest * this.#fields + field]!;
  }

  /** Forgets what was; the next sample begins a window. */
  clear(): void {
    this.#next = 0;
    this.#filled = 0;
  }
}
