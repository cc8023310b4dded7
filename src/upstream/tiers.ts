import type { PlannedSpread } from './plan.ts';

/** What the nodes of one priority amount to, by weight. */
export interface TierWeights {
  /** Of all nodes that are meant to take traffic. */
  readonly enabled: number;
  /** Of those not known to be bad. */
  readonly alive: number;
  /** Of those that can take traffic now: alive, and no connection was refused just now. */
  readonly ready: number;
}

export interface TierShare {
  /** Part of the upstream's traffic, in [0, 1]. */
  readonly share: number;
  /** All nodes of the tier are used, because too few are known to be good. */
  readonly panic: boolean;
}

const NONE: TierShare = { share: 0, panic: false };

/**
 * How much traffic each priority takes, highest first, and which of them fail open.
 *
 * As Envoy does it: a tier takes `overprovisioning` times its share of ready nodes, and what it can't take goes to the
 * next. Only when all together can't take everything the shares are scaled up, and a tier in which too few nodes are
 * alive uses all of them: then the checks are more likely to be wrong than the fleet to be dead.
 */
export function shareTiers(
  tiers: readonly TierWeights[],
  { overprovisioning, panicThreshold }: Pick<PlannedSpread, 'overprovisioning' | 'panicThreshold'>,
): readonly TierShare[] {
  const capacities = tiers.map(({ ready, enabled }) => Math.min(1, (overprovisioning * ready) / enabled));
  const total = capacities.reduce((sum, capacity) => sum + capacity, 0);
  const inPanic = ({ alive, enabled }: TierWeights) => alive / enabled < panicThreshold;
  if (total === 0) return lastResort(tiers, inPanic);
  if (total < 1) return tiers.map((tier, index) => ({ share: capacities[index]! / total, panic: inPanic(tier) }));
  let left = 1;
  return capacities.map((capacity) => {
    const share = Math.min(capacity, left);
    left -= share;
    return { share, panic: false };
  });
}

/** Nothing is ready: the first tier in which something is alive takes everything, else the first that may fail open. */
function lastResort(tiers: readonly TierWeights[], inPanic: (tier: TierWeights) => boolean): readonly TierShare[] {
  const alive = tiers.findIndex((tier) => tier.alive > 0);
  const chosen = alive >= 0 ? alive : tiers.findIndex(inPanic);
  return tiers.map((tier, index) => (index === chosen ? { share: 1, panic: inPanic(tier) } : NONE));
}
