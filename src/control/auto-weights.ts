import type { Node } from '../discovery/types.ts';

const SCALE = 10_000;

/**
 * Turns Fabio's shares of the traffic into weights. Instances with a share get it; the others divide what is left
 * equally. Shares that add up to more than 1, or to less with nobody to take the rest, count relative to each other.
 * Without any share the nodes keep their weights.
 */
export function weighted(nodes: readonly Node[], shares: readonly (number | null)[]): readonly Node[] {
  const stated = shares.filter((share) => share !== null);
  if (stated.length === 0) return nodes;
  const sum = stated.reduce((total, share) => total + share, 0);
  const rest = Math.max(0, 1 - sum) / Math.max(1, nodes.length - stated.length);
  const weights = shares.map((share) => Math.round((share ?? rest) * SCALE));
  const divisor = weights.reduce(greatestDivisor, 0) || 1;
  return nodes.map((node, index) => ({ ...node, weight: (weights[index] ?? 0) / divisor }));
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
