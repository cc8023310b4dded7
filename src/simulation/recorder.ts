import { FairShare } from './fair-share.ts';

/** Milliseconds of one stretch of the record. */
export const STRETCH_MS = 200;

/** Upper bounds of latency buckets grow by a twentieth: percentiles are exact to that. */
const GROWTH = 1.05;
const SMALLEST_MS = 0.1;
/** A node that has taken no connection for this long is known to be dead. */
const KNOWN_AFTER_MS = 1000;

/**
 * Why a request failed. `answer`: the node's answer was an error. `timeout`: no answer in time. `broken`: the connection
 * broke, and the request could not be sent again. `unconnected`: no node took a connection. `full`: the nodes were at
 * their limits. `shed`: the breaker was open.
 */
export type Failure = 'answer' | 'timeout' | 'broken' | 'unconnected' | 'full' | 'shed';

/** What a run came to: picks by node and time, and the time that requests took. Times are milliseconds since its start. */
export class Recorder {
  /** By node: picks in each stretch of time. */
  readonly picks = new Map<string, number[]>();
  readonly fairShare = new FairShare();
  readonly failures: Record<Failure, number> = { answer: 0, timeout: 0, broken: 0, unconnected: 0, full: 0, shed: 0 };
  readonly #latencies: number[] = [];
  /** By second, for the chart. */
  readonly #perSecond: number[][] = [];
  requests = 0;
  retries = 0;
  /** When the last request that failed came to its end; null when none did. */
  lastFailureAt: number | null = null;
  /** Picks of a node that had taken no connection for a second and more. */
  wrong = 0;
  /** Requests that failed although nothing stood against sending them to a node that was well. */
  lost = 0;
  /** Requests of a key that went to another node than the last one of that key. */
  moved = 0;
  /** Requests whose key was seen before. */
  repeated = 0;
  readonly #lastNode = new Map<number, string>();

  /** `deadSince`: since when the node takes no connections; null when it does. */
  picked(node: string, now: number, deadSince: number | null): void {
    let counts = this.picks.get(node);
    if (!counts) this.picks.set(node, (counts = []));
    const stretch = Math.floor(now / STRETCH_MS);
    while (counts.length <= stretch) counts.push(0);
    counts[stretch]! += 1;
    this.fairShare.picked();
    if (deadSince !== null && now - deadSince > KNOWN_AFTER_MS) this.wrong += 1;
  }

  /** The first pick of a request with this key. */
  keyed(key: number, node: string): void {
    const last = this.#lastNode.get(key);
    if (last === node) this.repeated += 1;
    else {
      if (last !== undefined) this.repeated += 1;
      if (last !== undefined) this.moved += 1;
      this.#lastNode.set(key, node);
    }
  }

  /** A request came to its end; `failure` is null for success. */
  ended(startedAt: number, now: number, failure: Failure | null): void {
    this.requests += 1;
    if (failure !== null) {
      this.failures[failure] += 1;
      this.lastFailureAt = now;
    }
    const time = Math.max(SMALLEST_MS, now - startedAt);
    const bucket = Math.max(0, Math.ceil(Math.log(time / SMALLEST_MS) / Math.log(GROWTH)));
    count(this.#latencies, bucket);
    const second = Math.floor(startedAt / 1000);
    while (this.#perSecond.length <= second) this.#perSecond.push([]);
    count(this.#perSecond[second]!, bucket);
  }

  get failed(): number {
    return Object.values(this.failures).reduce((sum, failures) => sum + failures, 0);
  }

  /** Milliseconds within which that share of all requests ended. */
  percentile(share: number): number {
    return percentileOf(this.#latencies, share);
  }

  /** The same for each second of the run; 0 for one without requests. */
  percentiles(share: number): readonly number[] {
    return this.#perSecond.map((counts) => percentileOf(counts, share));
  }

  /** Picks of the node between two moments, by whole stretches. */
  picksOf(node: string, from: number, to: number): number {
    const counts = this.picks.get(node) ?? [];
    let sum = 0;
    for (let at = Math.ceil(from / STRETCH_MS); at < Math.floor(to / STRETCH_MS); at++) sum += counts[at] ?? 0;
    return sum;
  }
}

function count(buckets: number[], bucket: number): void {
  while (buckets.length <= bucket) buckets.push(0);
  buckets[bucket]! += 1;
}

function percentileOf(buckets: readonly number[], share: number): number {
  let left = share * buckets.reduce((sum, requests) => sum + requests, 0);
  if (left === 0) return 0;
  const last = buckets.findIndex((requests) => (left -= requests) <= 0);
  return SMALLEST_MS * GROWTH ** (last < 0 ? buckets.length - 1 : last);
}
