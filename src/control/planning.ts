import type { Closable } from '../core/scope.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { ActiveCheckPlan, Probe } from '../health/types.ts';
import type { PlanPatch } from '../upstream/plan.ts';
import { createMonitor } from './active-checks.ts';
import { Assembly } from './assembly.ts';
import type { Definitions } from './definitions.ts';
import type { Tools } from './discoveries.ts';
import type { NodeHistory } from './node-history.ts';
import type { NodeOverrides } from './node-overrides.ts';
import { NodeSlots } from './node-slots.ts';
import { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';
import { createSupervision, type Supervision } from './supervision.ts';

export interface PlanningParts extends Tools {
  readonly statistics: Statistics;
  readonly nodeSets: NodeSets;
  readonly history: NodeHistory;
  /** Null where no operator decides about nodes. */
  readonly overrides: NodeOverrides | null;
  /** Replaces the probes over real sockets. */
  readonly createProbe?: (plan: ActiveCheckPlan) => Probe;
  /** Sends a patch to every worker. */
  publish(patch: PlanPatch): void;
  /** Indices of the workers that may hold an older plan. */
  workers(): readonly number[];
}

/**
 * What makes the plan of definitions and node sets, and what judges the nodes in it: the parts that are the same wherever the
 * workers are, in threads, in this one or simulated.
 */
export class Planning implements Closable {
  readonly nodeSlots: NodeSlots;
  readonly publisher: Publisher;
  readonly supervision: Supervision;
  readonly monitor: HealthMonitor;
  readonly assembly: Assembly;

  constructor(parts: PlanningParts) {
    const { clock, log, statistics, nodeSets, history, overrides, createProbe } = parts;
    const { table, nodes, routes } = statistics;
    this.nodeSlots = new NodeSlots(table, nodes);
    this.publisher = new Publisher({
      nodeSlots: this.nodeSlots,
      routeCounters: routes,
      log,
      publish: (patch) => parts.publish(patch),
      workers: () => parts.workers(),
      overrideOf: (id, node) => overrides?.of(id, node) ?? null,
      joined: (slots) => {
        const now = clock.now();
        for (const slot of slots) table.beginRamp(slot, now);
      },
    });
    this.supervision = createSupervision(parts, statistics, this.nodeSlots, this.publisher);
    const { outliers } = this.supervision;
    this.monitor = createMonitor(parts, statistics, this.nodeSlots, this.publisher, outliers, createProbe);
    this.assembly = new Assembly(nodeSets, this.publisher, this.monitor, this.supervision, history);
  }

  /** Replaces what the configuration defines, and publishes what follows from it. */
  define(definitions: Definitions): void {
    this.assembly.setFile(definitions);
    this.assembly.flush();
  }

  async close(deadline: number): Promise<void> {
    this.assembly.close();
    await Promise.all([this.monitor.close(deadline), this.supervision.close()]);
  }
}
