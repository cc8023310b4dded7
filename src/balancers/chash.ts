import { type Gate, type KeyOrder, nodeHashes } from './key-order.ts';
import { LoadBound } from './load-bound.ts';
import { Rendezvous } from './rendezvous.ts';
import { layoutFor, type SlotLayout } from './slot-layout.ts';
import { SlotTable } from './slot-table.ts';
import type { Balancer, NodeHandle, PickContext, Picker } from './types.ts';

/** Up to this many nodes each is looked at; above, a table is. Measured: at 32 nodes the scan takes as long as the table. */
export const SCAN_LIMIT = 32;
/** A table is kept until the set is this much smaller than the limit. */
const SCAN_AGAIN = 28;

/**
 * Consistent hashing (`chash`): the same key goes to the same node, in all workers and gateways that know the same nodes.
 * A retry goes where the key would go if the nodes that were tried were not there.
 *
 * `boundedLoad`: no node has more than that many times its share under way; what is too much goes to the next nodes of its
 * keys' own orders. Those differ from key to key (as with random jumps, arXiv 1908.08762), so that a full node doesn't
 * fill the one beside it. 0 for no bound.
 */
export function createConsistentHash(boundedLoad: number): Balancer {
  return {
    type: 'chash',
    build: (ready, previous) => new HashPicker(ready, previous as HashPicker | null, boundedLoad),
  };
}

class HashPicker implements Picker, Gate {
  readonly #handles: readonly NodeHandle[];
  readonly #weights: Float64Array;
  readonly #hashes: Uint32Array;
  readonly #layout: SlotLayout | null;
  readonly #order: KeyOrder;
  readonly #bound: LoadBound | null;
  #tried: readonly NodeHandle[] = [];
  #heedsBound = false;

  constructor(handles: readonly NodeHandle[], previous: HashPicker | null, boundedLoad: number) {
    this.#handles = handles;
    this.#weights = Float64Array.from(handles, (handle) => handle.weight);
    this.#hashes = nodeHashes(handles);
    this.#bound = boundedLoad > 0 ? new LoadBound(handles, this.#weights, boundedLoad) : null;
    const layout = previous === null ? null : previous.#layout;
    const scans = handles.length <= (layout === null ? SCAN_LIMIT : SCAN_AGAIN);
    this.#layout = scans ? null : layoutFor(handles, layout);
    this.#order = this.#orderOf(previous);
  }

  pick(context: PickContext): NodeHandle | null {
    // As a signed integer, which is handed on without a box on the heap.
    const key = context.hash | 0;
    const index = this.#order.first(key);
    if (index < 0) return null;
    const bound = this.#bound;
    if (bound !== null) bound.begin(context.now);
    if (context.tried.length === 0 && (bound === null || bound.admits(index))) return this.#handles[index]!;
    return this.#pickNext(key, context.tried);
  }

  admits(index: number): boolean {
    const { length } = this.#tried;
    if (length > 0 && this.#tried.includes(this.#handles[index]!)) return false;
    return !this.#heedsBound || this.#bound!.admits(index);
  }

  /** When all that were not tried are full, full ones will do. */
  #pickNext(key: number, tried: readonly NodeHandle[]): NodeHandle | null {
    this.#tried = tried;
    this.#heedsBound = this.#bound !== null;
    let index = this.#order.firstOf(key, this);
    if (index < 0 && this.#heedsBound) {
      this.#heedsBound = false;
      index = this.#order.firstOf(key, this);
    }
    return index < 0 ? null : this.#handles[index]!;
  }

  /** What was built for the same nodes and weights serves again. */
  #orderOf(previous: HashPicker | null): KeyOrder {
    if (previous !== null && previous.#layout === this.#layout && this.#equals(previous)) return previous.#order;
    return this.#layout === null
      ? new Rendezvous(this.#hashes, this.#weights)
      : new SlotTable(this.#hashes, this.#weights, this.#layout);
  }

  #equals(other: HashPicker): boolean {
    return (
      other.#hashes.length === this.#hashes.length &&
      this.#hashes.every((hash, index) => {
        return hash === other.#hashes[index] && this.#weights[index] === other.#weights[index];
      })
    );
  }
}
