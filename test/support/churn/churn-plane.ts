import { documentFrom } from '../../../src/config/document.ts';
import type { DocumentInput } from '../../../src/config/types.ts';
import { defineResources } from '../../../src/control/definitions.ts';
import { NodeHistory } from '../../../src/control/node-history.ts';
import { NodeOverrides } from '../../../src/control/node-overrides.ts';
import type { NodeSlots } from '../../../src/control/node-slots.ts';
import { Planning } from '../../../src/control/planning.ts';
import type { Publisher } from '../../../src/control/publisher.ts';
import { Statistics } from '../../../src/control/statistics.ts';
import type { Supervision } from '../../../src/control/supervision.ts';
import type { Random } from '../../../src/core/random.ts';
import type { PlanPatch } from '../../../src/upstream/plan.ts';
import type { SnapshotStore } from '../../../src/worker/snapshot-store.ts';
import { WorkerView } from '../../../src/worker/worker-view.ts';
import { FakeClock } from '../fake-clock.ts';
import { noRegistries } from '../no-registries.ts';
import { RecordingLog } from '../recording-log.ts';
import type { ChurnOrder } from './config-churn.ts';

/** A worker's parts, with the messages that have not arrived yet: patches come to it late, its own come late to others. */
interface Seat {
  readonly view: WorkerView;
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
  readonly #planning: Planning;

  constructor(workers: number, random: Random) {
    const { clock, log } = this;
    this.#random = random;
    const statistics = new Statistics(workers, clock.now() - 1);
    this.statistics = statistics;
    this.overrides = new NodeOverrides(clock, () => this.#planning.assembly.recompile('order'));
    const { overrides } = this;
    this.#planning = new Planning({
      ...{
        clock,
        log,
        random,
        statistics,
        nodeSets: noRegistries(clock, log),
        history: new NodeHistory(clock),
        overrides,
      },
      createProbe: () => ({
        check: ({ port }) => Promise.resolve({ verdict: this.sick.has(port) ? 'tcp' : 'success', detail: 'told' }),
      }),
      publish: (patch) => this.#post(patch),
      workers: () => [...this.seats.keys()],
    });
    this.nodeSlots = this.#planning.nodeSlots;
    this.publisher = this.#planning.publisher;
    this.supervision = this.#planning.supervision;
    for (let index = 0; index < workers; index++) this.seats.push(this.#launch(index));
  }

  /** Throws for a configuration that is wrong, and has changed nothing then. */
  configure(document: DocumentInput): void {
    this.#planning.define(defineResources(documentFrom(document)));
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
    const { view, outbox } = this.seats[worker]!;
    for (const [version, slots] of view.releaseUnused()) {
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
    void this.#planning.close(0);
  }

  #launch(index: number): Seat {
    const outbox: (() => void)[] = [];
    const view = new WorkerView({
      ...{ index, memory: this.statistics.memory, random: this.#random },
      alarm: (slot, alarm) => void outbox.push(() => this.supervision.outliers.alarm(slot, alarm)),
    });
    const { snapshots } = view;
    snapshots.apply(structuredClone(this.publisher.whole()));
    return { view, snapshots, inbox: [], outbox };
  }

  #post(patch: PlanPatch): void {
    for (const { inbox } of this.seats) inbox.push(structuredClone(patch));
  }
}
