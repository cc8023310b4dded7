import type { CounterSums } from './counter-table.ts';
import { DURATION_BUCKETS, RouteField } from './counters.ts';

/** The histogram in a route's row; those of streams have as many bounds as those of requests. */
export function durationCounts(sums: CounterSums, slot: number): number[] {
  const counts: number[] = [];
  for (let bucket = 0; bucket <= DURATION_BUCKETS.length; bucket++) {
    counts.push(sums.sum(slot, RouteField.durationBuckets + bucket));
  }
  return counts;
}
