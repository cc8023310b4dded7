import type { Closable } from '../core/scope.ts';
import type { BreakerPlan } from '../health/breaker/types.ts';
import type { OutlierGroup } from '../health/outliers/types.ts';
import type { NodeTable } from '../upstream/node-table.ts';
import type { PlannedUpstream } from '../upstream/plan.ts';
import { Breakers } from './breakers.ts';
import type { UpstreamDefinition } from './definitions.ts';
import type { Tools } from './discoveries.ts';
import { type NodeSlots, nodeKey } from './node-slots.ts';
import { Outliers } from './outliers.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';

export function createSupervision(
  tools: Tools,
  statistics: Statistics,
  nodeSlots: NodeSlots,
  publisher: Publisher,
): Supervision {
  const { clock, random, log } = tools;
  const parts = { clock, random, log, statistics, nodeSlots, publisher };
  return new Supervision(new Outliers(parts), new Breakers(parts));
}

/** The nodes of these slots came to others: their slow start begins. */
export function beginRamps(table: NodeTable, slots: Iterable<number>, now: number): void {
  for (const slot of slots) table.beginRamp(slot, now);
}

/** What judges nodes and upstreams by real traffic: told what there is each time the plan changes. */
export class Supervision implements Closable {
  readonly outliers: Outliers;
  readonly breakers: Breakers;

  constructor(outliers: Outliers, breakers: Breakers) {
    this.outliers = outliers;
    this.breakers = breakers;
  }

  follow(
    definitions: ReadonlyMap<string, UpstreamDefinition>,
    planned: ReadonlyMap<string, PlannedUpstream>,
    routeBreakers: ReadonlyMap<string, BreakerPlan>,
  ): void {
    const groups: OutlierGroup[] = [];
    const upstreams = new Map<string, BreakerPlan>();
    for (const { id, outliers, breaker } of definitions.values()) {
      const upstream = planned.get(id);
      if (!upstream) continue;
      if (breaker) upstreams.set(id, breaker);
      if (!outliers) continue;
      const nodes = upstream.nodes.map(({ slot, node }) => ({ key: nodeKey(id, node), slot }));
      groups.push({ id, plan: outliers, nodes });
    }
    this.outliers.track(groups);
    this.breakers.track({ upstreams, routes: routeBreakers });
  }

  close(): Promise<void> {
    this.outliers.close();
    this.breakers.close();
    return Promise.resolve();
  }
}
