import { HealthMonitor } from '../health/monitor.ts';
import type { ActiveCheckPlan, Probe } from '../health/types.ts';
import { Health } from '../upstream/node-table.ts';
import type { Tools } from './discoveries.ts';
import type { NodeSlots } from './node-slots.ts';
import type { Outliers } from './outliers.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';

/**
 * Active checks write what they find into the node table, and every worker sees it at its next pick. `createProbe` replaces
 * the probes over real sockets.
 */
export function createMonitor(
  { clock, random, log }: Tools,
  statistics: Statistics,
  nodeSlots: NodeSlots,
  publisher: Publisher,
  outliers: Outliers,
  createProbe?: (plan: ActiveCheckPlan) => Probe,
): HealthMonitor {
  return new HealthMonitor({
    clock,
    random,
    log,
    ...(createProbe ? { createProbe } : {}),
    onChange: (key, health) => {
      const slot = nodeSlots.get(key);
      if (slot === undefined) return;
      const { table } = statistics;
      const before = table.health(slot);
      if (health === 'healthy' && before !== Health.unknown) table.beginRamp(slot, clock.now());
      if (health === 'healthy' && before === Health.unhealthy) outliers.checkPassed(key);
      table.setHealth(slot, Health[health]);
      // A node that left with its whole upstream may come back with it before its row is another's.
      const upstream = publisher.upstreams.get(key.slice(0, key.lastIndexOf('|')));
      if (upstream) table.bump(upstream.slot);
    },
  });
}
