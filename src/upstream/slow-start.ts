import type { PlannedSlowStart } from './plan.ts';

/** Weights are set anew this many times in a window. */
const STEPS = 20;

/**
 * The share of its weight that a node has `age` milliseconds after its slow start began (Envoy's slow start):
 * (age / window)^(1 / aggression), at least `minFactor`. 1 when the window is over.
 */
export function slowStartFactor(age: number, { windowMs, minFactor, aggression }: PlannedSlowStart): number {
  if (age >= windowMs) return 1;
  return Math.max(minFactor, (Math.max(0, age) / windowMs) ** (1 / aggression));
}

/** Milliseconds between two settings of a growing weight. */
export function slowStartStep({ windowMs }: PlannedSlowStart): number {
  return Math.max(1, windowMs / STEPS);
}
