import { join } from 'node:path';
import type { Document } from '../config/types.ts';
import { defineResources } from '../control/definitions.ts';
import { createDiscoveries, guardOptions, type Tools } from '../control/discoveries.ts';
import { NodeHistory } from '../control/node-history.ts';
import { Planning } from '../control/planning.ts';
import { Statistics } from '../control/statistics.ts';
import type { Timer } from '../core/clock.ts';
import { type Closable, Scope } from '../core/scope.ts';
import { LastGoodCache } from '../discovery/last-good-cache.ts';
import { NodeSets } from '../discovery/node-sets.ts';
import type { SnapshotStore } from '../worker/snapshot-store.ts';
import { WorkerView } from '../worker/worker-view.ts';

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
  readonly #planning: Planning;
  readonly #view: WorkerView;
  readonly #document: Document;
  #timer: Timer | null = null;

  constructor(document: Document, stateDirectory: string | null, tools: Tools) {
    const { clock, log, random } = tools;
    this.#document = document;
    this.#tools = tools;
    const statistics = new Statistics(1, clock.now());
    this.#view = new WorkerView({
      index: SELF,
      memory: statistics.memory,
      random,
      alarm: (slot, alarm) => this.#planning.supervision.outliers.alarm(slot, alarm),
    });
    this.snapshots = this.#view.snapshots;
    const directory = stateDirectory === null ? null : join(stateDirectory, 'client');
    this.#cache = this.#scope.own(new LastGoodCache(directory, clock, log));
    const discoveries = createDiscoveries(document.discovery, null, this.#scope, tools);
    const guard = guardOptions(document.discovery);
    const nodeSets = this.#scope.own(new NodeSets({ discoveries, guard, cache: this.#cache, clock, log }));
    this.nodeSets = nodeSets;
    this.#planning = this.#scope.own(
      new Planning({
        ...{ clock, log, random, statistics, nodeSets, history: new NodeHistory(clock), overrides: null },
        publish: (patch) => this.snapshots.apply(patch),
        workers: () => [SELF],
      }),
    );
  }

  async start(): Promise<void> {
    await this.#cache.load();
    this.#planning.define(defineResources(this.#document));
    this.#releaseSlots();
  }

  close(deadline: number): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    return this.#scope.close(deadline);
  }

  #releaseSlots(): void {
    for (const [version, slots] of this.#view.releaseUnused()) {
      this.#planning.nodeSlots.released(SELF, version, slots);
    }
    this.#timer = this.#tools.clock.after(RELEASE_MS, () => this.#releaseSlots());
  }
}
