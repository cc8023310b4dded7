/** A worker thread that uses the node table as the data path does. Runs as `workerData` says. */
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../src/core/random.ts';
import { NodeTable, type NodeTableMemory } from '../../src/upstream/node-table.ts';

export interface TableWork {
  readonly memory: NodeTableMemory;
  readonly worker: number;
  readonly slots: number;
  readonly rounds: number;
  /** Leaves everything counted in and waits to be terminated. */
  readonly hang: boolean;
}

const { memory, worker, slots, rounds, hang } = workerData as TableWork;
const table = new NodeTable(memory, worker);
const random = seededRandom(worker);
const underWay: number[] = [];
for (let round = 0; round < rounds; round++) {
  const slot = random.below(slots);
  table.begin(slot);
  underWay.push(slot);
  table.observeLatency(slot, 100 + random.below(1000));
  if (underWay.length > 10) table.end(underWay.splice(random.below(10), 1)[0]!);
}
if (hang) setInterval(() => {}, 1000);
else for (const slot of underWay) table.end(slot);
parentPort?.postMessage(hang ? underWay.length : 0);
