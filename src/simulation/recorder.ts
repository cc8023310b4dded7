/** Milliseconds of one stretch of the record. */
export const STRETCH_MS = 200;

/** Upper bounds of latency buckets grow by a tenth: percentiles are exact to that. */
const GROWTH = 1.1;
const SMALLEST_MS = 0.1;

/** What a run came to: picks by node and time, and the time that requests took. */
export class Recorder {
  /** By node: picks in each stretch of time. */
  readonly picks = new Map<string, number[]>();
  readonly #latencies: number[] = [];
  /** By stretch of time, for the chart. */
  readonly #perStretch: number[][] = [];
  requests = 0;
  failed = 0;
  retries = 0;
  /** Picks of a node that had been refusing every connection for a second and more. */
  wrong = 0;
  /** Requests of a key that went to another node than the last one of that key. */
  moved = 0;
  /** Requests whose key was seen before. */
  repeated = 0;

  picked(node: string, now: number): void {
    let counts = this.picks.get(node);
    if (!counts) this.picks.set(node, (counts = []));
    const stretch = Math.floor(now / STRETCH_MS);
    counts[stretch] = (counts[stretch] ?? 0) + 1;
  }

  ended(startedAt: number, now: number, succeeded: boolean): void {
    this.requests += 1;
    if (!succeeded) this.failed += 1;
    const bucket = Math.max(
      0,
      Math.ceil(Math.log(Math.max(SMALLEST_MS, now - startedAt) / SMALLEST_MS) / Math.log(GROWTH)),
    );
    this.#latencies[bucket] = (this.#latencies[bucket] ?? 0) + 1;
    const stretch = Math.floor(startedAt / 1000);
    const counts = (this.#perStretch[stretch] ??= []);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }

  /** Milliseconds within which that share of all requests ended. */
  percentile(share: number): number {
    return percentileOf(this.#latencies, share);
  }

  /** The same for each second of the run. */
  percentiles(share: number): readonly number[] {
    return Array.from(this.#perStretch, (counts) => (counts ? percentileOf(counts, share) : 0));
  }
}

function percentileOf(buckets: readonly number[], share: number): number {
  const total = buckets.reduce((sum, count) => sum + (count ?? 0), 0);
  let left = total * share;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    left -= buckets[bucket] ?? 0;
    if (left <= 0) return SMALLEST_MS * GROWTH ** bucket;
  }
  return 0;
}
