import { documentFrom } from '../config/document.ts';
import type { DocumentInput } from '../config/types.ts';
import { createMonitor } from '../control/active-checks.ts';
import { Assembly } from '../control/assembly.ts';
import { defineResources } from '../control/definitions.ts';
import type { Tools } from '../control/discoveries.ts';
import { NodeHistory } from '../control/node-history.ts';
import { NodeSlots } from '../control/node-slots.ts';
import { Publisher } from '../control/publisher.ts';
import { Statistics } from '../control/statistics.ts';
import { beginRamps, createSupervision, type Supervision } from '../control/supervision.ts';
import { LastGoodCache } from '../discovery/last-good-cache.ts';
import { NodeSets } from '../discovery/node-sets.ts';
import type { ActiveCheckPlan, Probe } from '../health/types.ts';
import { CounterBlock } from '../telemetry/counter-table.ts';
import { NodeTable } from '../upstream/node-table.ts';
import { NodeDirectory } from '../worker/node-directory.ts';
import { SnapshotStore } from '../worker/snapshot-store.ts';

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
  readonly #assembly: Assembly;
  readonly #close: () => void;
  #closed = false;

  /** `createProbe` stands in for active checks over real sockets. */
  constructor(workers: number, tools: Tools, createProbe: (plan: ActiveCheckPlan) => Probe) {
    const { clock, log, random } = tools;
    const statistics = new Statistics(workers, clock.now() - 1);
    this.statistics = statistics;
    const nodeSlots = new NodeSlots(statistics.table, statistics.nodes);
    this.workers = Array.from({ length: workers }, (_, index) => {
      const table = new NodeTable(statistics.nodeMemory, index);
      const directory = new NodeDirectory({
        table,
        counters: new CounterBlock(statistics.counterMemory.nodes, index),
        alarm: (slot, alarm) => clock.after(MESSAGE_MS, () => this.supervision.outliers.alarm(slot, alarm)),
      });
      const store = new SnapshotStore(directory, table, random, statistics.upstreamBreakers);
      const pulse = () => {
        if (this.#closed) return;
        for (const [version, slots] of directory.releaseUnused(store.oldestInUse)) {
          clock.after(MESSAGE_MS, () => nodeSlots.released(index, version, slots));
        }
        clock.after(PULSE_MS, pulse);
      };
      clock.after(PULSE_MS, pulse);
      return store;
    });
    const publisher = new Publisher({
      nodeSlots,
      routeCounters: statistics.routes,
      log,
      publish: (patch) => {
        for (const worker of this.workers) clock.after(MESSAGE_MS, () => worker.apply(patch));
      },
      workers: () => [...this.workers.keys()],
      overrideOf: () => null,
      joined: (slots) => beginRamps(statistics.table, slots, clock.now()),
    });
    this.supervision = createSupervision(tools, statistics, nodeSlots, publisher);
    const monitor = createMonitor(tools, statistics, nodeSlots, publisher, this.supervision.outliers, createProbe);
    const guard = { minNodes: 0, shrinkPercent: 100, shrinkHold: 0, emptyHold: 0 };
    const cache = new LastGoodCache(null, clock, log);
    const nodeSets = new NodeSets({ discoveries: new Map(), guard, cache, clock, log });
    this.#assembly = new Assembly(nodeSets, publisher, monitor, this.supervision, new NodeHistory(clock));
    this.#close = () => void Promise.all([monitor.close(0), this.supervision.close()]);
  }

  /** Takes the configuration of this moment. Throws a HeadgateError for a wrong setting. */
  configure(document: DocumentInput): void {
    this.#assembly.setFile(defineResources(documentFrom(document)));
    this.#assembly.flush();
  }

  close(): void {
    this.#closed = true;
    this.#close();
    this.#assembly.close();
  }
}
