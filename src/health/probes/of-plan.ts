import type { ActiveCheckPlan, Probe } from '../types.ts';
import { createHttpProbe } from './http.ts';
import { createTcpProbe } from './tcp.ts';

/** The probe that a plan asks for. Throws a TypeError for a path or header line that cannot be sent. */
export function probeOf(plan: ActiveCheckPlan): Probe {
  if (plan.type === 'tcp') return createTcpProbe({ timeoutMs: plan.timeoutMs });
  return createHttpProbe({
    timeoutMs: plan.timeoutMs,
    path: plan.path,
    host: plan.host,
    headers: plan.headers,
    healthyStatuses: plan.healthy.statuses,
    unhealthyStatuses: plan.unhealthy.statuses,
  });
}
