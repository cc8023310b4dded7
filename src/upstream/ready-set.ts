import { Health, type NodeTable } from './node-table.ts';

/** What the selection needs to know of a node. */
export interface Candidate {
  readonly slot: number;
  readonly weight: number;
  readonly node: { readonly priority: number };
}

export interface UsableSet<T> {
  readonly usable: readonly T[];
  /** True when nodes known to be bad are used because there are no others (fail-open). */
  readonly failOpen: boolean;
  /** Monotonic milliseconds at which a demotion ends and the selection should be made again; Infinity for never. */
  readonly reviewAt: number;
}

export interface ReadySet<T> extends Omit<UsableSet<T>, 'usable'> {
  readonly ready: readonly T[];
}

/**
 * Which nodes can take new traffic: the one place that filters by health, and the one place with the fail-open rule.
 *
 * Weight 0 never counts. Among the rest: usable nodes; else those that are only demoted; else, rather than refuse
 * everything because the checks may be wrong, all of them.
 */
export function selectUsable<T extends Candidate>(nodes: readonly T[], table: NodeTable, now: number): UsableSet<T> {
  const enabled = nodes.filter((node) => node.weight > 0);
  const alive = enabled.filter((node) => table.health(node.slot) !== Health.unhealthy);
  let reviewAt = Number.POSITIVE_INFINITY;
  const usable = alive.filter((node) => {
    const until = table.demotedUntil(node.slot);
    if (until <= now) return true;
    reviewAt = Math.min(reviewAt, until);
    return false;
  });
  const failOpen = alive.length === 0 && enabled.length > 0;
  return { usable: usable.length > 0 ? usable : alive.length > 0 ? alive : enabled, failOpen, reviewAt };
}

/** Those of the highest priority among them: who may take new traffic. */
export function selectReady<T extends Candidate>(nodes: readonly T[], table: NodeTable, now: number): ReadySet<T> {
  const { usable, failOpen, reviewAt } = selectUsable(nodes, table, now);
  return { ready: highestPriority(usable), failOpen, reviewAt };
}

function highestPriority<T extends Candidate>(nodes: readonly T[]): readonly T[] {
  const first = nodes[0];
  if (!first || nodes.every((node) => node.node.priority === first.node.priority)) return nodes;
  const top = nodes.reduce((best, node) => Math.max(best, node.node.priority), first.node.priority);
  return nodes.filter((node) => node.node.priority === top);
}
