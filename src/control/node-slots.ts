import { formatAddress } from '../core/address.ts';
import type { Node, NodeKey } from '../discovery/types.ts';
import type { CounterSums } from '../telemetry/counter-table.ts';
import { NODE_CAPACITY, type NodeTable } from '../upstream/node-table.ts';
import { SlotAllocator } from './slots.ts';

export function nodeKey(upstreamId: string, node: Pick<Node, 'host' | 'port'>): NodeKey {
  return `${upstreamId}|${formatAddress(node)}`;
}

interface Retiring {
  readonly slot: number;
  readonly version: number;
  /** Workers that may still touch the slot. */
  readonly pending: Set<number>;
}

/**
 * Slots of the node table, by identity. A node that leaves keeps its slot, with all that is counted there, until every
 * worker has said that it will not touch it any more; a node that comes back before that finds its numbers again.
 */
export class NodeSlots {
  readonly #table: NodeTable;
  readonly #counters: CounterSums;
  readonly #allocator = new SlotAllocator(NODE_CAPACITY, 'soon');
  readonly #retiring = new Map<NodeKey, Retiring>();

  constructor(table: NodeTable, counters: CounterSums) {
    this.#table = table;
    this.#counters = counters;
  }

  /** Slots in use, those of leaving nodes included. */
  *slots(): IterableIterator<number> {
    for (const [, slot] of this.#allocator.entries()) yield slot;
  }

  get(key: NodeKey): number | undefined {
    return this.#allocator.get(key);
  }

  /** Null when the table is full. */
  acquire(key: NodeKey): number | null {
    this.#retiring.delete(key);
    const row = this.#allocator.acquire(key);
    if (row?.blank) {
      this.#table.clear(row.slot);
      this.#counters.clear(row.slot);
    }
    return row?.slot ?? null;
  }

  /** The node is not in plan `version` any more. `workers`: those alive now. */
  retire(key: NodeKey, version: number, workers: Iterable<number>): void {
    const slot = this.#allocator.get(key);
    if (slot === undefined) return;
    this.#retiring.set(key, { slot, version, pending: new Set(workers) });
    this.#settle(key);
  }

  /** A worker has let go of slots that left with plan `version`. */
  released(worker: number, version: number, slots: readonly number[]): void {
    const wanted = new Set(slots);
    for (const [key, retiring] of this.#retiring) {
      if (retiring.version !== version || !wanted.has(retiring.slot)) continue;
      retiring.pending.delete(worker);
      this.#settle(key);
    }
  }

  /** A worker is gone: it touches nothing any more, and what it had counted in is taken back. */
  workerGone(worker: number): number {
    const reclaimed = this.#table.reclaim(worker, this.slots());
    for (const [key, retiring] of this.#retiring) {
      retiring.pending.delete(worker);
      this.#settle(key);
    }
    return reclaimed;
  }

  #settle(key: NodeKey): void {
    const retiring = this.#retiring.get(key);
    if (!retiring || retiring.pending.size > 0) return;
    this.#retiring.delete(key);
    this.#allocator.release(key);
  }
}
