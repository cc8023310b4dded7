import type { PickContext } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import type { Exclusion, ExplainedNode, ExplainedUpstream } from './explanation.ts';
import type { TableHandle } from './handle.ts';
import { HEALTH_NAMES, Health, type NodeTable } from './node-table.ts';
import type { PlannedSubset } from './plan.ts';
import { selectReady } from './ready-set.ts';
import type { Upstream } from './upstream.ts';

/**
 * What a pick would look at, and whom it would choose: by the same functions as in the data path, on a copy of the pickers, so
 * that nothing changes. `bound`: the node that the request is bound to by its cookie.
 */
export function explainUpstream(
  upstream: Upstream,
  subset: PlannedSubset | null,
  table: NodeTable,
  context: PickContext,
  bound: TableHandle | null,
): ExplainedUpstream {
  const { plan, handles } = upstream;
  const selection = upstream.selection(subset);
  const { pools, failOpen, ramps, trials } = selectReady(selection.handles, plan.spread, table, context.now);
  const usable = new Set([...pools.flatMap((pool) => pool.nodes), ...trials]);
  const members = new Set(selection.handles);
  const picked = bound ?? selection.rehearsal().pick({ ...context }, 1);
  return {
    id: plan.id,
    type: plan.balancer.type,
    fail_open: failOpen,
    pools: pools.map(({ key, share, nodes }) => ({ key, share, nodes: nodes.length })),
    nodes: handles.map((handle) => {
      const excluded = usable.has(handle) ? null : exclusionOf(handle, members, table, context.now);
      return describe(handle, ramps.get(handle) ?? 1, excluded, table, context.now);
    }),
    pick: picked === null ? null : formatAddress(picked.node),
  };
}

function describe(
  handle: TableHandle,
  factor: number,
  excluded: Exclusion | null,
  table: NodeTable,
  now: number,
): ExplainedNode {
  const { slot, node, baseWeight } = handle;
  const latency = table.latency(slot);
  const score = handle.peakLatency(now);
  return {
    node: formatAddress(node),
    priority: node.priority,
    weight: baseWeight * factor,
    slow_start: factor,
    health: HEALTH_NAMES[table.health(slot)],
    inflight: handle.inflight(),
    latency_ms: latency === 0 ? null : latency / 1000,
    score_ms: score === 0 ? null : score / 1000,
    excluded,
  };
}

/** The first reason that applies, the most lasting ones first. */
function exclusionOf(handle: TableHandle, members: ReadonlySet<TableHandle>, table: NodeTable, now: number): Exclusion {
  if (!members.has(handle)) return 'subset';
  if (!handle.acceptsBound) return 'disable';
  if (handle.isDraining) return 'drain';
  if (handle.baseWeight === 0) return 'weight-0';
  if (table.health(handle.slot) === Health.pending) return 'pending';
  if (table.isEjected(handle.slot)) return 'ejected';
  if (table.health(handle.slot) === Health.unhealthy) return 'unhealthy';
  if (table.demotedUntil(handle.slot) > now) return 'demoted';
  return 'preference';
}
