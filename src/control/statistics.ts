import { type CounterMemory, CounterSums } from '../telemetry/counter-table.ts';
import { allocateAllCounters, type CountersMemory, ListenerField, ROUTE_CAPACITY } from '../telemetry/counters.ts';
import { allocateBreakers, BreakerCells } from '../upstream/breaker-cells.ts';
import {
  allocateNodeTable,
  NODE_CAPACITY,
  NodeTable,
  type NodeTableMemory,
  UPSTREAM_CAPACITY,
} from '../upstream/node-table.ts';
import type { BreakerMemory } from '../worker/protocol.ts';

/** The shared memory of the process, and the control thread's view of it. */
export class Statistics {
  readonly nodeMemory: NodeTableMemory;
  readonly counterMemory: CountersMemory;
  readonly breakerMemory: BreakerMemory;
  readonly upstreamBreakers: BreakerCells;
  readonly routeBreakers: BreakerCells;
  readonly table: NodeTable;
  readonly routes: CounterSums;
  readonly nodes: CounterSums;
  readonly listeners: CounterSums;

  constructor(workers: number, now: number) {
    this.nodeMemory = allocateNodeTable(workers, now);
    this.counterMemory = allocateAllCounters(workers, NODE_CAPACITY);
    this.breakerMemory = { upstreams: allocateBreakers(UPSTREAM_CAPACITY), routes: allocateBreakers(ROUTE_CAPACITY) };
    this.upstreamBreakers = new BreakerCells(this.breakerMemory.upstreams);
    this.routeBreakers = new BreakerCells(this.breakerMemory.routes);
    this.table = new NodeTable(this.nodeMemory, null);
    this.routes = new CounterSums(this.counterMemory.routes);
    this.nodes = new CounterSums(this.counterMemory.nodes);
    this.listeners = new CounterSums(this.counterMemory.listeners);
  }

  /** The connections of a worker that is gone are closed, although it could not count them. */
  closeConnectionsOf(worker: number, listenerSlots: readonly number[]): void {
    const memory: CounterMemory = this.counterMemory.listeners;
    const block = memory.blocks[worker];
    if (!block) return;
    const values = new Float64Array(block);
    for (const slot of listenerSlots) {
      const row = slot * memory.fields;
      values[row + ListenerField.closed] = values[row + ListenerField.accepted]!;
    }
  }
}
