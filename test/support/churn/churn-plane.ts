import { documentFrom } from '../../../src/config/document.ts';
import type { DocumentInput } from '../../../src/config/types.ts';
import { createMonitor } from '../../../src/control/active-checks.ts';
import { Assembly } from '../../../src/control/assembly.ts';
import { defineResources } from '../../../src/control/definitions.ts';
import { NodeHistory } from '../../../src/control/node-history.ts';
import { NodeOverrides } from '../../../src/control/node-overrides.ts';
import { NodeSlots } from '../../../src/control/node-slots.ts';
import { Publisher } from '../../../src/control/publisher.ts';
import { Statistics } from '../../../src/control/statistics.ts';
import { beginRamps, createSupervision, type Supervision } from '../../../src/control/supervision.ts';
import type { Random } from '../../../src/core/random.ts';
import { NodeSets } from '../../../src/discovery/node-sets.ts';
import { CounterBlock } from '../../../src/telemetry/counter-table.ts';
import { NodeTable } from '../../../src/upstream/node-table.ts';
import type { PlanPatch } from '../../../src/upstream/plan.ts';
import { NodeDirectory } from '../../../src/worker/node-directory.ts';
import { SnapshotStore } from '../../../src/worker/snapshot-store.ts';
import { FakeClock } from '../fake-clock.ts';
import { RecordingLog } from '../recording-log.ts';
import type { ChurnOrder } from './config-churn.ts';

/** A worker's parts, with the messages that have not arrived yet: patches come to it late, its own come late to others. */
interface Seat {
  readonly directory: NodeDirectory;
  readonly snapshots: SnapshotStore;
  readonly inbox: PlanPatch[];
  readonly outbox: (() => void)[];
}

/** The control thread and some workers without threads and sockets: messages are delivered, and time passes, when told. */
export class ChurnPlane {
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  readonly statistics: Statistics;
  readonly nodeSlots: NodeSlots;
  readonly publisher: Publisher;
  readonly supervision: Supervision;
  readonly overrides: NodeOverrides;
  readonly seats: Seat[] = [];
  /** Ports that fail their checks. */
  readonly sick = new Set<number>();
  readonly #random: Random;
  readonly #assembly: Assembly;
  readonly #close: () => void;

  constructor(workers: number, random: Random) {
    const { clock, log } = this;
    const tools = { clock, log, random };
    this.#random = random;
    const statistics = new Statistics(workers, clock.now() - 1);
    this.statistics = statistics;
    this.nodeSlots = new NodeSlots(statistics.table, statistics.nodes);
    this.overrides = new NodeOverrides(clock, () => this.#assembly.recompile('order'));
    this.publisher = new Publisher({
      nodeSlots: this.nodeSlots,
      routeCounters: statistics.routes,
      log,
      publish: (patch) => this.#post(patch),
      workers: () => [...this.seats.keys()],
      overrideOf: (id, node) => this.overrides.of(id, node),
      joined: (slots) => beginRamps(statistics.table, slots, clock.now()),
    });
    this.supervision = createSupervision(tools, statistics, this.nodeSlots, this.publisher);
    const { outliers } = this.supervision;
    const monitor = createMonitor(tools, statistics, this.nodeSlots, this.publisher, outliers, () => ({
      check: ({ port }) => Promise.resolve({ verdict: this.sick.has(port) ? 'tcp' : 'success', detail: 'told' }),
    }));
    const nodeSets = new NodeSets({ discoveries: new Map(), guard: {} as never, cache: {} as never, clock, log });
    this.#assembly = new Assembly(nodeSets, this.publisher, monitor, this.supervision, new NodeHistory(clock));
    this.#close = () => void Promise.all([monitor.close(0), this.supervision.close()]);
    for (let index = 0; index < workers; index++) this.seats.push(this.#launch(index));
  }

  /** Throws for a configuration that is wrong, and has changed nothing then. */
  configure(document: DocumentInput): void {
    const definitions = defineResources(documentFrom(document));
    this.#assembly.setFile(definitions);
    this.#assembly.flush();
  }

  order({ upstream, node, action, weight }: ChurnOrder): void {
    const match = { upstream, node, metadata: null };
    if (action === 'weight') this.overrides.apply({ match, weight: weight ?? 'source' });
    else this.overrides.apply({ match, state: action });
  }

  /** Lets `count` messages of the worker arrive, half of them on their way in. */
  deliver(worker: number, count = Number.POSITIVE_INFINITY): void {
    const { inbox, outbox, snapshots } = this.seats[worker]!;
    for (let left = count; left > 0 && inbox.length + outbox.length > 0; left--) {
      const patch = inbox.shift();
      if (patch) snapshots.apply(patch);
      outbox.shift()?.();
    }
  }

  /** What a worker does twice a second. */
  pulse(worker: number): void {
    const { directory, snapshots, outbox } = this.seats[worker]!;
    for (const [version, slots] of directory.releaseUnused(snapshots.oldestInUse)) {
      outbox.push(() => this.nodeSlots.released(worker, version, slots));
    }
  }

  /** The worker dies, with what it had not said yet, and another takes its seat. Returns the uses that were taken back. */
  kill(worker: number): number {
    const reclaimed = this.nodeSlots.workerGone(worker);
    this.seats[worker] = this.#launch(worker);
    return reclaimed;
  }

  close(): void {
    this.#close();
    this.#assembly.close();
  }

  #launch(index: number): Seat {
    const { statistics } = this;
    const outbox: (() => void)[] = [];
    const table = new NodeTable(statistics.nodeMemory, index);
    const directory = new NodeDirectory({
      table,
      counters: new CounterBlock(statistics.counterMemory.nodes, index),
      alarm: (slot, alarm) => void outbox.push(() => this.supervision.outliers.alarm(slot, alarm)),
    });
    const snapshots = new SnapshotStore(directory, table, this.#random, statistics.upstreamBreakers);
    snapshots.apply(structuredClone(this.publisher.whole()));
    return { directory, snapshots, inbox: [], outbox };
  }

  #post(patch: PlanPatch): void {
    for (const { inbox } of this.seats) inbox.push(structuredClone(patch));
  }
}
