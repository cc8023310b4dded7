import type { NodeHandle, Outcome } from '../balancers/types.ts';
import type { Node } from '../discovery/types.ts';
import type { CounterBlock } from '../telemetry/counter-table.ts';
import { NodeField } from '../telemetry/counters.ts';
import type { NodeTable } from './node-table.ts';
import type { PlannedNode } from './plan.ts';

/** A worker's face of one slot of the node table. Lives as long as the slot is the node's, over all snapshots. */
export class TableHandle implements NodeHandle {
  readonly slot: number;
  node: Node;
  weight: number;
  readonly #table: NodeTable;
  readonly #counters: CounterBlock;

  constructor(planned: PlannedNode, table: NodeTable, counters: CounterBlock) {
    this.slot = planned.slot;
    this.node = planned.node;
    this.weight = planned.node.weight;
    this.#table = table;
    this.#counters = counters;
  }

  /** A later description of the same identity: weight, tags and metadata may differ. */
  describe(node: Node): void {
    this.node = node;
    this.weight = node.weight;
  }

  inflight(): number {
    return this.#table.inflight(this.slot);
  }

  ownInflight(): number {
    return this.#table.ownInflight(this.slot);
  }

  latency(): number {
    return this.#table.latency(this.slot);
  }

  begin(): void {
    this.#table.begin(this.slot);
  }

  end(outcome: Outcome, micros: number): void {
    if (micros > 0) this.#table.observeLatency(this.slot, micros);
    this.#counters.add(this.slot, NodeField.outcome + outcome, 1);
    this.#table.end(this.slot);
  }

  /** Counts a new connection to the node. */
  connected(): void {
    this.#counters.add(this.slot, NodeField.connects, 1);
  }

  transferred(sent: number, received: number): void {
    this.#counters.add(this.slot, NodeField.sentBytes, sent);
    this.#counters.add(this.slot, NodeField.receivedBytes, received);
  }
}
