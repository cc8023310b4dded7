import { join } from 'node:path';
import type { Document } from '../config/types.ts';
import { createMonitor } from '../control/active-checks.ts';
import { Assembly } from '../control/assembly.ts';
import { defineResources } from '../control/definitions.ts';
import { createDiscoveries, guardOptions, type Tools } from '../control/discoveries.ts';
import { NodeHistory } from '../control/node-history.ts';
import { NodeSlots } from '../control/node-slots.ts';
import { Publisher } from '../control/publisher.ts';
import { Statistics } from '../control/statistics.ts';
import { beginRamps, createSupervision } from '../control/supervision.ts';
import type { Timer } from '../core/clock.ts';
import { type Closable, Scope } from '../core/scope.ts';
import { LastGoodCache } from '../discovery/last-good-cache.ts';
import { NodeSets } from '../discovery/node-sets.ts';
import { CounterBlock } from '../telemetry/counter-table.ts';
import { NodeTable } from '../upstream/node-table.ts';
import { NodeDirectory } from '../worker/node-directory.ts';
import { SnapshotStore } from '../worker/snapshot-store.ts';

/** The only worker there is: this thread. */
const SELF = 0;
const RELEASE_MS = 500;

/**
 * The gateway's core in one thread, without listeners: discovery, guard, health and balancers of the upstreams in a
 * configuration. What the control thread would send to the workers is applied at once.
 */
export class LocalPlane implements Closable {
  readonly snapshots: SnapshotStore;
  readonly nodeSets: NodeSets;
  readonly #tools: Tools;
  readonly #scope = new Scope();
  readonly #cache: LastGoodCache;
  readonly #assembly: Assembly;
  readonly #directory: NodeDirectory;
  readonly #nodeSlots: NodeSlots;
  readonly #document: Document;
  #timer: Timer | null = null;

  constructor(document: Document, stateDirectory: string | null, tools: Tools) {
    const { clock, log, random } = tools;
    this.#document = document;
    this.#tools = tools;
    const statistics = new Statistics(1, clock.now());
    const table = new NodeTable(statistics.nodeMemory, SELF);
    this.#directory = new NodeDirectory({
      table,
      counters: new CounterBlock(statistics.counterMemory.nodes, SELF),
      alarm: (slot, alarm) => supervision.outliers.alarm(slot, alarm),
    });
    this.snapshots = new SnapshotStore(this.#directory, table, random, statistics.upstreamBreakers);
    const directory = stateDirectory === null ? null : join(stateDirectory, 'client');
    this.#cache = this.#scope.own(new LastGoodCache(directory, clock, log));
    const discoveries = createDiscoveries(document.discovery, null, this.#scope, tools);
    const guard = guardOptions(document.discovery);
    this.nodeSets = this.#scope.own(new NodeSets({ discoveries, guard, cache: this.#cache, clock, log }));
    this.#nodeSlots = new NodeSlots(statistics.table, statistics.nodes);
    const publisher = new Publisher({
      nodeSlots: this.#nodeSlots,
      routeCounters: statistics.routes,
      log,
      publish: (patch) => this.snapshots.apply(patch),
      workers: () => [SELF],
      overrideOf: () => null,
      joined: (slots) => beginRamps(statistics.table, slots, clock.now()),
    });
    const supervision = this.#scope.own(createSupervision(tools, statistics, this.#nodeSlots, publisher));
    const monitor = this.#scope.own(createMonitor(tools, statistics, this.#nodeSlots, publisher, supervision.outliers));
    this.#assembly = new Assembly(this.nodeSets, publisher, monitor, supervision, new NodeHistory(clock));
  }

  async start(): Promise<void> {
    await this.#cache.load();
    this.#assembly.setFile(defineResources(this.#document));
    this.#assembly.flush();
    this.#releaseSlots();
  }

  close(deadline: number): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#assembly.close();
    return this.#scope.close(deadline);
  }

  #releaseSlots(): void {
    for (const [version, slots] of this.#directory.releaseUnused(this.snapshots.oldestInUse)) {
      this.#nodeSlots.released(SELF, version, slots);
    }
    this.#timer = this.#tools.clock.after(RELEASE_MS, () => this.#releaseSlots());
  }
}
