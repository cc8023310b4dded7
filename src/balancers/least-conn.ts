import type { Random } from '../core/random.ts';
import { TwoChoicesPicker } from './two-choices.ts';
import type { Balancer, NodeHandle, PickContext, Picker } from './types.ts';

/** Up to this many nodes every one is looked at; above it, two drawn at random. */
export const EXACT_LIMIT = 32;

/**
 * Weighted least connections (`least_conn`): the node with the smallest (in flight + 1) / weight. In-flight counts come
 * from the node table, so all workers see the same.
 *
 * A large set is not searched: two nodes are drawn (`two-choices.ts`).
 */
export function createLeastConn(random: Random): Balancer {
  return {
    type: 'least_conn',
    build: (ready, previous) =>
      ready.length <= EXACT_LIMIT ? new ScanPicker(ready, previous, random) : new TwoChoicesPicker(ready, random),
  };
}

/** Cross-multiplied, since a division costs more. */
function lessLoaded(a: NodeHandle, b: NodeHandle): boolean {
  return (a.inflight() + 1) * b.weight < (b.inflight() + 1) * a.weight;
}

class ScanPicker implements Picker {
  readonly #handles: readonly NodeHandle[];
  /** Where the search begins: after the node picked last, so that nodes with equal load take turns. */
  #start: number;

  constructor(handles: readonly NodeHandle[], previous: Picker | null, random: Random) {
    this.#handles = handles;
    const next = previous instanceof ScanPicker ? previous.#firstOf(new Set(handles)) : null;
    this.#start = next ? handles.indexOf(next) : handles.length > 1 ? random.below(handles.length) : 0;
  }

  pick(context: PickContext): NodeHandle | null {
    const handles = this.#handles;
    const { tried } = context;
    let best: NodeHandle | null = null;
    let bestIndex = 0;
    for (let step = 0, index = this.#start; step < handles.length; step++) {
      const handle = handles[index]!;
      if ((tried.length === 0 || !tried.includes(handle)) && (best === null || lessLoaded(handle, best))) {
        best = handle;
        bestIndex = index;
      }
      if (++index === handles.length) index = 0;
    }
    if (best !== null) this.#start = bestIndex + 1 === handles.length ? 0 : bestIndex + 1;
    return best;
  }

  /** The node whose turn comes first among those in `wanted`. */
  #firstOf(wanted: ReadonlySet<NodeHandle>): NodeHandle | null {
    for (let step = 0; step < this.#handles.length; step++) {
      const handle = this.#handles[(this.#start + step) % this.#handles.length]!;
      if (wanted.has(handle)) return handle;
    }
    return null;
  }
}
