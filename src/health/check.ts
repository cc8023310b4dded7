import type { Address } from '../core/address.ts';
import type { TargetRecord } from './target-record.ts';
import type { ActiveCheckPlan, Probe } from './types.ts';

/** One address that is probed in one way, for every target that asks for exactly that. */
export class Check {
  readonly id: string;
  readonly address: Address;
  readonly plan: ActiveCheckPlan;
  readonly probe: Probe;
  readonly records = new Set<TargetRecord>();
  /** Upstream whose concurrency cap applies. */
  readonly group: string;
  /** Monotonic milliseconds of the next probe. */
  due = 0;
  /** Place in the schedule; -1 when it is not there. */
  place = -1;
  /** Ends the probe that is under way; null when none is. */
  abort: AbortController | null = null;

  constructor(id: string, address: Address, plan: ActiveCheckPlan, probe: Probe, group: string) {
    this.id = id;
    this.address = address;
    this.plan = plan;
    this.probe = probe;
    this.group = group;
  }

  /** Milliseconds between two probes, before jitter: the shortest that one of its targets asks for. */
  interval(): number {
    const { healthy, unhealthy, fastIntervalMs } = this.plan;
    let interval = Number.POSITIVE_INFINITY;
    for (const record of this.records) {
      const usual = record.health === 'unhealthy' ? unhealthy.intervalMs : healthy.intervalMs;
      const fast = fastIntervalMs !== null && record.inTransition ? fastIntervalMs : usual;
      interval = Math.min(interval, usual, fast);
    }
    return interval;
  }
}

const planIds = new WeakMap<ActiveCheckPlan, string>();

/** Equal for the same address and the same checks, whichever objects describe them. */
export function checkId(address: Address, plan: ActiveCheckPlan): string {
  let planId = planIds.get(plan);
  if (planId === undefined) {
    planId = JSON.stringify(plan, inOrder);
    planIds.set(plan, planId);
  }
  return `${address.port} ${address.host} ${planId}`;
}

/** Writes the fields of objects by name, so that the order in which they were set does not count. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
