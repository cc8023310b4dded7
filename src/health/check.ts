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

  /** Milliseconds between two probes, before jitter. */
  interval(): number {
    for (const record of this.records) {
      if (record.health === 'unhealthy') return this.plan.unhealthy.intervalMs;
    }
    return this.plan.healthy.intervalMs;
  }
}

const planIds = new WeakMap<ActiveCheckPlan, string>();

/** Equal for the same address and the same checks, whichever objects describe them. */
export function checkId(address: Address, plan: ActiveCheckPlan): string {
  let planId = planIds.get(plan);
  if (planId === undefined) {
    const { type, timeoutMs, concurrency, host, path, headers, healthy, unhealthy } = plan;
    planId = JSON.stringify([
      [type, timeoutMs, concurrency, host, path, headers],
      [healthy.intervalMs, healthy.statuses, healthy.successes],
      [unhealthy.intervalMs, unhealthy.statuses, unhealthy.httpFailures, unhealthy.tcpFailures, unhealthy.timeouts],
    ]);
    planIds.set(plan, planId);
  }
  return `${address.port} ${address.host} ${planId}`;
}
