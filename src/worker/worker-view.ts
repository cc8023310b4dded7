import type { Random } from '../core/random.ts';
import { CounterBlock } from '../telemetry/counter-table.ts';
import { BreakerCells } from '../upstream/breaker-cells.ts';
import type { NodeAlarm } from '../upstream/handle.ts';
import { NodeTable } from '../upstream/node-table.ts';
import { NodeDirectory } from './node-directory.ts';
import type { SharedMemory } from './protocol.ts';
import { SnapshotStore } from './snapshot-store.ts';

export interface WorkerViewParts {
  /** Index of the worker. */
  readonly index: number;
  readonly memory: SharedMemory;
  readonly random: Random;
  /** Tells the control thread that a node does badly. */
  alarm(slot: number, alarm: NodeAlarm): void;
}

/** What one worker knows of upstreams: the plan that it goes by, and its view of the numbers of their nodes. */
export class WorkerView {
  readonly table: NodeTable;
  readonly snapshots: SnapshotStore;
  readonly #directory: NodeDirectory;

  constructor({ index, memory, random, alarm }: WorkerViewParts) {
    this.table = new NodeTable(memory.nodes, index);
    const counters = new CounterBlock(memory.counters.nodes, index);
    this.#directory = new NodeDirectory({ table: this.table, counters, alarm });
    this.snapshots = new SnapshotStore(
      this.#directory,
      this.table,
      random,
      new BreakerCells(memory.breakers.upstreams),
    );
  }

  /** True while some node has left and may still be in use. */
  get hasLeaving(): boolean {
    return this.#directory.hasLeaving;
  }

  /** Lets go of the nodes that left and are not in use here any more. Returns their slots by the version that they left with. */
  releaseUnused(): ReadonlyMap<number, readonly number[]> {
    return this.#directory.releaseUnused(this.snapshots.oldestInUse);
  }
}
