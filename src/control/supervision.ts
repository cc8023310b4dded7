import { sameData } from '../core/json.ts';
import type { Closable } from '../core/scope.ts';
import type { BreakerPlan } from '../health/breaker/types.ts';
import type { OutlierGroup, OutlierPlan } from '../health/outliers/types.ts';
import type { PlannedUpstream } from '../upstream/plan.ts';
import { AdaptiveLimits, type LimitedUpstream } from './adaptive-limits.ts';
import { Breakers } from './breakers.ts';
import type { UpstreamDefinition } from './definitions.ts';
import type { Tools } from './discoveries.ts';
import { FailOpenWatch } from './fail-open-watch.ts';
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
  const limits = new AdaptiveLimits(clock, statistics.table, statistics.nodes);
  return new Supervision(new Outliers(parts), new Breakers(parts), limits, new FailOpenWatch(parts));
}

interface FollowedGroup extends OutlierGroup {
  /** What `nodes` was made of. */
  readonly planned: PlannedUpstream['nodes'];
}

/** What judges nodes and upstreams by real traffic: told what there is each time the plan changes. */
export class Supervision implements Closable {
  readonly outliers: Outliers;
  readonly breakers: Breakers;
  readonly limits: AdaptiveLimits;
  readonly #failOpen: FailOpenWatch;
  #groups: ReadonlyMap<string, FollowedGroup> = new Map();

  constructor(outliers: Outliers, breakers: Breakers, limits: AdaptiveLimits, failOpen: FailOpenWatch) {
    this.outliers = outliers;
    this.breakers = breakers;
    this.limits = limits;
    this.#failOpen = failOpen;
  }

  follow(
    definitions: ReadonlyMap<string, UpstreamDefinition>,
    planned: ReadonlyMap<string, PlannedUpstream>,
    routeBreakers: ReadonlyMap<string, BreakerPlan>,
  ): void {
    const groups: FollowedGroup[] = [];
    const upstreams = new Map<string, BreakerPlan>();
    const limited: LimitedUpstream[] = [];
    for (const { id, outliers, breaker, limit } of definitions.values()) {
      const upstream = planned.get(id);
      if (!upstream) continue;
      if (breaker) upstreams.set(id, breaker);
      if (upstream.limited) limited.push({ rule: limit, slots: upstream.nodes.map(({ slot }) => slot) });
      if (!outliers) continue;
      groups.push(this.#groupOf(upstream, outliers));
    }
    this.#groups = new Map(groups.map((group) => [group.id, group]));
    this.outliers.track(groups);
    this.limits.track(limited);
    this.breakers.track({ upstreams, routes: routeBreakers });
  }

  /** The same object as the last time when neither the nodes nor the plan have changed. */
  #groupOf({ id, nodes: planned }: PlannedUpstream, plan: OutlierPlan): FollowedGroup {
    const known = this.#groups.get(id);
    if (known && known.planned === planned && sameData(known.plan, plan)) return known;
    return { id, plan, planned, nodes: planned.map(({ slot, node }) => ({ key: nodeKey(id, node), slot })) };
  }

  close(): Promise<void> {
    this.outliers.close();
    this.breakers.close();
    this.limits.close();
    this.#failOpen.close();
    return Promise.resolve();
  }
}
