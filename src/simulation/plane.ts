import { documentFrom } from '../config/document.ts';
import type { DocumentInput } from '../config/types.ts';
import { defineResources } from '../control/definitions.ts';
import type { Tools } from '../control/discoveries.ts';
import { NodeHistory } from '../control/node-history.ts';
import { Planning } from '../control/planning.ts';
import { Statistics } from '../control/statistics.ts';
import type { Supervision } from '../control/supervision.ts';
import { LastGoodCache } from '../discovery/last-good-cache.ts';
import { NodeSets } from '../discovery/node-sets.ts';
import type { ActiveCheckPlan, Probe } from '../health/types.ts';
import type { SnapshotStore } from '../worker/snapshot-store.ts';
import { WorkerView } from '../worker/worker-view.ts';

/** What a message from the control thread to a worker takes, in milliseconds. */
const MESSAGE_MS = 0.2;

/** How often a worker looks for rows of the node table that it can give back, in milliseconds. */
const PULSE_MS = 500;

/** The gateway's own parts, from the configuration to the pick, with as many workers as wanted and no sockets. */
export class SimulatedPlane {
  readonly statistics: Statistics;
  readonly supervision: Supervision;
  /** Each worker's snapshots; empty before the first plan has come there. */
  readonly workers: readonly SnapshotStore[];
  readonly #planning: Planning;
  #closed = false;

  /** `createProbe` stands in for active checks over real sockets. */
  constructor(workers: number, tools: Tools, createProbe: (plan: ActiveCheckPlan) => Probe) {
    const { clock, log, random } = tools;
    const statistics = new Statistics(workers, clock.now() - 1);
    this.statistics = statistics;
    this.workers = Array.from({ length: workers }, (_, index) => {
      const view = new WorkerView({
        index,
        memory: statistics.memory,
        random,
        alarm: (slot, alarm) => clock.after(MESSAGE_MS, () => this.supervision.outliers.alarm(slot, alarm)),
      });
      const pulse = () => {
        if (this.#closed) return;
        for (const [version, slots] of view.releaseUnused()) {
          clock.after(MESSAGE_MS, () => this.#planning.nodeSlots.released(index, version, slots));
        }
        clock.after(PULSE_MS, pulse);
      };
      clock.after(PULSE_MS, pulse);
      return view.snapshots;
    });
    const guard = { minNodes: 0, shrinkPercent: 100, shrinkHold: 0, emptyHold: 0 };
    const cache = new LastGoodCache(null, clock, log);
    const nodeSets = new NodeSets({ discoveries: new Map(), guard, cache, clock, log });
    this.#planning = new Planning({
      ...{ clock, log, random, statistics, nodeSets, history: new NodeHistory(clock), overrides: null, createProbe },
      publish: (patch) => {
        for (const worker of this.workers) clock.after(MESSAGE_MS, () => worker.apply(patch));
      },
      workers: () => [...this.workers.keys()],
    });
    this.supervision = this.#planning.supervision;
  }

  /** Takes the configuration of this moment. Throws a HeadgateError for a wrong setting. */
  configure(document: DocumentInput): void {
    this.#planning.define(defineResources(documentFrom(document)));
  }

  close(): void {
    this.#closed = true;
    void this.#planning.close(0);
  }
}
