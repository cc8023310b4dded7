import type { TableHandle } from '../upstream/handle.ts';
import { Health, type NodeTable } from '../upstream/node-table.ts';
import type { PlannedSubset } from '../upstream/plan.ts';
import { selectUsable } from '../upstream/ready-set.ts';
import type { Upstream } from '../upstream/upstream.ts';

/**
 * Whether a session that is bound to the node may go on there: the node is in the plan, an operator has not disabled it, and
 * it works, or no other does. A node that is drained keeps its sessions.
 */
export function mayStay(
  handle: TableHandle,
  upstream: Upstream,
  subset: PlannedSubset | null,
  table: NodeTable,
  now: number,
): boolean {
  const members = upstream.selection(subset).handles;
  if (!members.includes(handle) || !handle.acceptsBound) return false;
  const works = table.health(handle.slot) !== Health.unhealthy && !table.isEjected(handle.slot);
  if (works && table.demotedUntil(handle.slot) <= now) return true;
  return selectUsable(members, upstream.plan.spread, table, now).includes(handle);
}
