import type { NodeTable } from './node-table.ts';

/**
 * Peak-EWMA of a node's latency (Finagle's PeakEwma): a slower answer counts at once and in full, faster ones pull the
 * estimate down with the time constant `decayMs`, and so does time alone.
 * All values are microseconds, all times monotonic milliseconds.
 *
 * What is old is forgotten, and not just smaller: however bad a node was, it is tried again after two time constants, and
 * the answer to that try says what it is now. With decay alone a node that was 1,000 times slower would be left out for
 * seven, and what remained of the estimate would bring it down again after its first good answer.
 */

/** Time constants without an answer after which the next one replaces the estimate, and after which that says nothing. */
const STALE = 0.5;
const FORGOTTEN = 2;

/** A failure counts as an answer this many times slower than the node is known for, each further one again. */
const PENALTY_FACTOR = 4;
/** A failure of a node that has never answered. */
const PENALTY_UNKNOWN = 1_000_000;
/** Failures alone take the estimate no higher. */
const PENALTY_MAX = 5_000_000;

/** The estimate as it stands at `now`; 0 when nothing is known, or nothing recent. */
export function decayedPeak(table: NodeTable, slot: number, now: number, decayMs: number): number {
  const peak = table.peak(slot);
  if (peak === 0) return 0;
  const age = (now - table.peakAt(slot)) / decayMs;
  if (age <= 0) return peak;
  return age < FORGOTTEN ? peak * Math.exp(-age) : 0;
}

/** The estimate after a sample. */
export function nextPeak(table: NodeTable, slot: number, micros: number, now: number, decayMs: number): number {
  const age = Math.max(0, (now - table.peakAt(slot)) / decayMs);
  if (age >= STALE) return micros;
  const weight = Math.exp(-age);
  return Math.max(micros, table.peak(slot) * weight + micros * (1 - weight));
}

/** The estimate after a failure: without a penalty a node that fails fast would attract traffic. */
export function failurePenalty(table: NodeTable, slot: number): number {
  const known = table.peak(slot);
  return known === 0 ? PENALTY_UNKNOWN : Math.max(known, Math.min(PENALTY_MAX, known * PENALTY_FACTOR));
}
