import type { InlineUpstream, Subset } from '../config/types.ts';
import type { PlannedSpread, PlannedSubset } from '../upstream/plan.ts';

const SECOND = 1000;
const PERCENT = 100;

/** `zone`: that of this gateway; without it there is none to prefer. */
export function planSpread(upstream: InlineUpstream, zone: string | undefined): PlannedSpread {
  const { zone_preference: preference, slow_start: slowStart } = upstream;
  return {
    panicThreshold: upstream.panic_threshold / PERCENT,
    overprovisioning: upstream.overprovisioning,
    zone:
      preference && zone !== undefined
        ? { local: zone, minNodes: preference.min_nodes, spillOver: preference.spill_over / PERCENT }
        : null,
    slowStart: slowStart
      ? {
          windowMs: slowStart.window * SECOND,
          minFactor: slowStart.min_weight_percent / PERCENT,
          aggression: slowStart.aggression,
        }
      : null,
  };
}

export function planSubset(subset: Subset | undefined): PlannedSubset | null {
  if (!subset) return null;
  const labels: Record<string, string> = {};
  for (const name of Object.keys(subset.labels).sort()) labels[name] = subset.labels[name]!;
  return { key: JSON.stringify([labels, subset.fallback]), labels, fallback: subset.fallback };
}
