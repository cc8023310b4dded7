import type { NodeTable } from './node-table.ts';

/**
 * Peak-EWMA of a node's latency (Finagle's PeakEwma): a slower answer counts at once and in full, faster ones pull the
 * estimate down with the time constant `decayMs`, and so does time alone: a node that was slow once is tried again.
 * All values are microseconds, all times monotonic milliseconds.
 */

/** A failure counts as an answer this many times slower than the node is known for, within the bounds below. */
const PENALTY_FACTOR = 4;
const PENALTY_MIN = 100_000;
const PENALTY_MAX = 5_000_000;

/** The estimate as it stands at `now`; 0 when nothing was measured. */
export function decayedPeak(table: NodeTable, slot: number, now: number, decayMs: number): number {
  const peak = table.peak(slot);
  if (peak === 0) return 0;
  const elapsed = now - table.peakAt(slot);
  return elapsed > 0 ? peak * Math.exp(-elapsed / decayMs) : peak;
}

/** The estimate after a sample. */
export function nextPeak(table: NodeTable, slot: number, micros: number, now: number, decayMs: number): number {
  const peak = table.peak(slot);
  const elapsed = Math.max(0, now - table.peakAt(slot));
  const weight = Math.exp(-elapsed / decayMs);
  return Math.max(micros, peak * weight + micros * (1 - weight));
}

/** The estimate after a failure: without a penalty a node that fails fast would attract traffic. */
export function failurePenalty(table: NodeTable, slot: number, now: number, decayMs: number): number {
  const current = decayedPeak(table, slot, now, decayMs);
  return Math.max(current, Math.min(PENALTY_MAX, Math.max(PENALTY_MIN, current * PENALTY_FACTOR)));
}
