import { Health, type NodeTable } from './node-table.ts';
import type { PlannedNode, PlannedSpread } from './plan.ts';
import { slowStartFactor, slowStartStep } from './slow-start.ts';
import { shareTiers, type TierShare } from './tiers.ts';

/** What the selection needs to know of a node. */
export interface Candidate {
  readonly slot: number;
  /** 0 takes no new traffic. */
  readonly baseWeight: number;
  readonly node: { readonly priority: number; readonly metadata: Readonly<Record<string, string>> };
}

/** What the selection needs to know of a node that somebody is bound to. */
export interface BoundCandidate {
  readonly slot: number;
  readonly acceptsBound: boolean;
}

/** The weight that a node of the plan has when nothing is known of its health. */
export function weightInForce({ node, override }: Pick<PlannedNode, 'node' | 'override'>): number {
  return override?.state ? 0 : (override?.weight ?? node.weight);
}

export function candidateOf(planned: PlannedNode): Candidate & Pick<PlannedNode, 'node'> {
  return { slot: planned.slot, baseWeight: weightInForce(planned), node: planned.node };
}

/** Nodes that a balancer chooses among, and their part of the traffic. */
export interface Pool<T> {
  /** Equal for the same priority and zone: what a balancer remembers is kept under it. */
  readonly key: string;
  /** In (0, 1]; those of all pools sum up to 1. */
  readonly share: number;
  readonly nodes: readonly T[];
}

export interface ReadySet<T> {
  /** In order of preference. Empty when no node may be used. */
  readonly pools: readonly Pool<T>[];
  /** Nodes known to be bad are used because too few are known to be good (fail-open). */
  readonly failOpen: boolean;
  /** Ejected nodes whose time is over: a single use may try them. */
  readonly trials: readonly T[];
  /** Slow-start factors below 1; nodes that are not here have their whole weight. */
  readonly ramps: ReadonlyMap<T, number>;
  /** Monotonic milliseconds at which the selection should be made again; Infinity for never. */
  readonly reviewAt: number;
}

interface Tier<T> {
  readonly priority: number;
  /** Not known to be bad, and no connection was refused just now. */
  readonly ready: T[];
  /** Not known to be bad, but left alone for a moment. */
  readonly aside: T[];
  readonly bad: T[];
  /** Known to be bad, and left alone for a moment besides: even fail-open does without them if it can. */
  readonly badAside: T[];
}

/**
 * Which nodes can take new traffic: the one place that filters by health, and the one place with the fail-open rule.
 *
 * Weight 0 never counts. The others are told apart by what is known of them, grouped by priority, shared out by
 * `shareTiers`, and split by zone.
 */
export function selectReady<T extends Candidate>(
  nodes: readonly T[],
  spread: PlannedSpread,
  table: NodeTable,
  now: number,
): ReadySet<T> {
  const review = { at: Number.POSITIVE_INFINITY };
  const trials: T[] = [];
  const tiers = sortOut(nodes, table, now, review, trials);
  const shares = shareTiers(tiers.map(weigh), spread);
  const pools: Pool<T>[] = [];
  tiers.forEach((tier, index) => {
    const share = shares[index]!;
    if (share.share > 0) pools.push(...poolsOf(tier, share, spread));
  });
  const ramps = spread.slowStart === null ? new Map<T, number>() : rampsOf(pools, spread.slowStart, table, now, review);
  const failOpen = shares.some(({ panic, share }) => panic && share > 0);
  return { pools, failOpen, trials, ramps, reviewAt: review.at };
}

/** The nodes that can take new traffic, of every priority and zone, in the order given; those that `selectReady` falls back on if there are none. */
export function selectUsable<T extends Candidate>(
  nodes: readonly T[],
  spread: PlannedSpread,
  table: NodeTable,
  now: number,
): readonly T[] {
  const ready = sortOut(nodes, table, now, { at: 0 }, []).flatMap((tier) => tier.ready);
  const usable = new Set(
    ready.length > 0 ? ready : selectReady(nodes, spread, table, now).pools.flatMap((pool) => pool.nodes),
  );
  return nodes.filter((node) => usable.has(node));
}

/** Whether a session that is bound to the node may go on there: it works, and an operator has not disabled it. */
export function acceptsBound({ slot, acceptsBound }: BoundCandidate, table: NodeTable, now: number): boolean {
  const health = table.health(slot);
  const works = health !== Health.unhealthy && health !== Health.pending && !table.isEjected(slot);
  return acceptsBound && works && table.demotedUntil(slot) <= now;
}

function sortOut<T extends Candidate>(
  nodes: readonly T[],
  table: NodeTable,
  now: number,
  review: { at: number },
  trials: T[],
): Tier<T>[] {
  const tiers = new Map<number, Tier<T>>();
  for (const node of nodes) {
    // A gated node is not one yet: it neither serves nor makes the others look like few.
    if (node.baseWeight <= 0 || table.health(node.slot) === Health.pending) continue;
    const { priority } = node.node;
    let tier = tiers.get(priority);
    if (!tier) tiers.set(priority, (tier = { priority, ready: [], aside: [], bad: [], badAside: [] }));
    const { slot } = node;
    const isUnhealthy = table.health(slot) === Health.unhealthy;
    const isEjected = table.isEjected(slot);
    if (isEjected) {
      const until = table.ejectedUntil(slot);
      if (until > now) review.at = Math.min(review.at, until);
      else if (!isUnhealthy) trials.push(node);
    }
    const until = table.demotedUntil(slot);
    const isAside = until > now;
    if (isAside) review.at = Math.min(review.at, until);
    if (isEjected || isUnhealthy) (isAside ? tier.badAside : tier.bad).push(node);
    else (isAside ? tier.aside : tier.ready).push(node);
  }
  return [...tiers.values()].sort((a, b) => b.priority - a.priority);
}

function weigh<T extends Candidate>({ ready, aside, bad, badAside }: Tier<T>) {
  const atReady = weightOf(ready);
  const alive = atReady + weightOf(aside);
  return { ready: atReady, alive, enabled: alive + weightOf(bad) + weightOf(badAside) };
}

function weightOf(nodes: readonly Candidate[]): number {
  let sum = 0;
  for (const node of nodes) sum += node.baseWeight;
  return sum;
}

function poolsOf<T extends Candidate>(tier: Tier<T>, { share, panic }: TierShare, spread: PlannedSpread): Pool<T>[] {
  const { ready, aside, bad, badAside } = tier;
  const key = String(tier.priority);
  if (panic)
    return [{ key, share, nodes: ready.length + bad.length > 0 ? [...ready, ...bad] : [...aside, ...badAside] }];
  if (ready.length === 0) return [{ key, share, nodes: aside }];
  return spread.zone === null ? [{ key, share, nodes: ready }] : splitByZone(tier, share, spread.zone);
}

/** The local nodes, as long as there are enough of them, and the others for what is too much for those. */
function splitByZone<T extends Candidate>(
  { priority, ready, aside, bad, badAside }: Tier<T>,
  share: number,
  zone: NonNullable<PlannedSpread['zone']>,
): Pool<T>[] {
  const isLocal = (node: T) => node.node.metadata.zone === zone.local;
  const local = ready.filter(isLocal);
  if (local.length < Math.max(1, zone.minNodes) || local.length === ready.length) {
    return [{ key: String(priority), share, nodes: ready }];
  }
  const enabled = weightOf([...ready, ...aside, ...bad, ...badAside].filter(isLocal));
  const kept = Math.min(1, weightOf(local) / enabled / zone.spillOver);
  const pools: Pool<T>[] = [{ key: `${priority}/local`, share: share * kept, nodes: local }];
  if (kept < 1) {
    const others = ready.filter((node) => !isLocal(node));
    pools.push({ key: `${priority}/other`, share: share * (1 - kept), nodes: others });
  }
  return pools;
}

function rampsOf<T extends Candidate>(
  pools: readonly Pool<T>[],
  slowStart: NonNullable<PlannedSpread['slowStart']>,
  table: NodeTable,
  now: number,
  review: { at: number },
): ReadonlyMap<T, number> {
  const ramps = new Map<T, number>();
  for (const { nodes } of pools) {
    for (const node of nodes) {
      const factor = slowStartFactor(now - table.rampBegan(node.slot), slowStart);
      if (factor < 1) ramps.set(node, factor);
    }
  }
  if (ramps.size > 0) review.at = Math.min(review.at, now + slowStartStep(slowStart));
  return ramps;
}
