import { HealthMonitor } from '../health/monitor.ts';
import type { HealthState } from '../health/types.ts';
import { Health } from '../upstream/node-table.ts';
import type { Tools } from './discoveries.ts';
import type { NodeSlots } from './node-slots.ts';
import type { Outliers } from './outliers.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';

/** What the workers need to know: a node that waits for its first success takes no traffic, as one that failed. */
const IN_TABLE: Readonly<Record<HealthState, Health>> = { ...Health, pending: Health.unhealthy };

/** Active checks write what they find into the node table, and every worker sees it at its next pick. */
export function createMonitor(
  { clock, random, log }: Tools,
  statistics: Statistics,
  nodeSlots: NodeSlots,
  publisher: Publisher,
  outliers: Outliers,
): HealthMonitor {
  return new HealthMonitor({
    clock,
    random,
    log,
    onChange: (key, health) => {
      const slot = nodeSlots.get(key);
      const upstream = publisher.upstreams.get(key.slice(0, key.lastIndexOf('|')));
      if (slot === undefined || !upstream) return;
      const { table } = statistics;
      if (health === 'healthy' && table.health(slot) === Health.unhealthy) {
        table.beginRamp(slot, clock.now());
        outliers.checkPassed(key);
      }
      table.setHealth(slot, IN_TABLE[health]);
      table.bump(upstream.slot);
    },
  });
}
