import { type CounterMemory, CounterSums } from '../telemetry/counter-table.ts';
import { allocateAllCounters, ListenerField, ROUTE_CAPACITY } from '../telemetry/counters.ts';
import { allocateBreakers, BreakerCells } from '../upstream/breaker-cells.ts';
import { allocateNodeTable, NODE_CAPACITY, NodeTable, UPSTREAM_CAPACITY } from '../upstream/node-table.ts';
import type { SharedMemory } from '../worker/protocol.ts';

/** The shared memory of the process, and the control thread's view of it. */
export class Statistics {
  readonly memory: SharedMemory;
  readonly upstreamBreakers: BreakerCells;
  readonly routeBreakers: BreakerCells;
  readonly table: NodeTable;
  readonly routes: CounterSums;
  readonly nodes: CounterSums;
  readonly listeners: CounterSums;

  constructor(workers: number, now: number) {
    const nodes = allocateNodeTable(workers, now);
    const counters = allocateAllCounters(workers, NODE_CAPACITY);
    const breakers = { upstreams: allocateBreakers(UPSTREAM_CAPACITY), routes: allocateBreakers(ROUTE_CAPACITY) };
    this.memory = { nodes, counters, breakers };
    this.upstreamBreakers = new BreakerCells(breakers.upstreams);
    this.routeBreakers = new BreakerCells(breakers.routes);
    this.table = new NodeTable(nodes, null);
    this.routes = new CounterSums(counters.routes);
    this.nodes = new CounterSums(counters.nodes);
    this.listeners = new CounterSums(counters.listeners);
  }

  /** The connections of a worker that is gone are closed, although it could not count them. */
  closeConnectionsOf(worker: number, listenerSlots: readonly number[]): void {
    const memory: CounterMemory = this.memory.counters.listeners;
    const block = memory.blocks[worker];
    if (!block) return;
    const values = new Float64Array(block);
    for (const slot of listenerSlots) {
      const row = slot * memory.fields;
      values[row + ListenerField.closed] = values[row + ListenerField.accepted]!;
    }
  }
}
