import type { Random } from '../core/random.ts';

/** Times to an answer, in milliseconds. */
export interface LatencyModel {
  readonly median: number;
  /** The slowest hundredth takes this long or longer. Equal to the median: always the same. */
  readonly p99: number;
}

/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.3263478740408408;

/** A time from the log-normal distribution with this median and 99th percentile: what services look like. */
export function drawLatency({ median, p99 }: LatencyModel, random: Random): number {
  if (p99 <= median) return median;
  return median * Math.exp((Math.log(p99 / median) / Z99) * normal(random));
}

/** Milliseconds to the next of events that come `perSecond` times a second on average (Poisson). */
export function drawPause(perSecond: number, random: Random): number {
  return (-Math.log(1 - random.next()) / perSecond) * 1000;
}

/** Box-Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
