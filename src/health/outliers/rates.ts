import type { OutlierPlan, UseCounts } from './types.ts';

/**
 * However alike the others are, a node is no outlier while it is closer to the mean than this: where all succeed, one failure
 * in a hundred is many standard deviations away.
 */
const LEAST_GAP = 0.05;

export interface Suspect<T> {
  readonly node: T;
  readonly reason: string;
}

/** Nodes of which too large a share of uses failed. */
export function failingNodes<T>(
  nodes: readonly { readonly node: T; readonly counts: UseCounts }[],
  plan: OutlierPlan['failureRatio'],
): Suspect<T>[] {
  if (!plan) return [];
  return nodes.flatMap(({ node, counts: { total, failed } }) => {
    if (total < plan.minRequests || failed / total < plan.threshold) return [];
    return [{ node, reason: `${failed} of ${total} failed` }];
  });
}

/** Nodes that succeed clearly less often than their peers: below mean − factor · σ, as Envoy's success-rate detector. */
export function slackers<T>(
  nodes: readonly { readonly node: T; readonly counts: UseCounts }[],
  plan: OutlierPlan['successRate'],
): Suspect<T>[] {
  if (!plan) return [];
  const rated = nodes
    .filter(({ counts }) => counts.total >= plan.minRequests)
    .map(({ node, counts }) => ({ node, rate: 1 - counts.failed / counts.total }));
  if (rated.length < plan.minNodes) return [];
  const mean = rated.reduce((sum, { rate }) => sum + rate, 0) / rated.length;
  const variance = rated.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rated.length;
  const bound = Math.min(mean - plan.factor * Math.sqrt(variance), mean - LEAST_GAP);
  return rated
    .filter(({ rate }) => rate < bound)
    .map(({ node, rate }) => ({ node, reason: `success rate ${percent(rate)} where its peers have ${percent(mean)}` }));
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
