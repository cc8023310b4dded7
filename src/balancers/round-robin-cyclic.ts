import type { Random } from '../core/random.ts';
import type { RoundRobinPicker, Standing } from './standing.ts';
import type { NodeHandle, PickContext } from './types.ts';

/** Round robin over nodes of one weight: a queue in which the node that was picked goes to the end. */
export class CyclicPicker implements RoundRobinPicker {
  /** A ring: the node at `#cursor` is next. */
  readonly #ring: NodeHandle[];
  #cursor = 0;

  constructor(ready: readonly NodeHandle[], standing: Standing | null, random: Random) {
    if (standing) {
      this.#ring = queueOf(ready, standing);
    } else {
      this.#ring = ready.slice();
      if (ready.length > 1) this.#cursor = random.below(ready.length);
    }
  }

  pick(context: PickContext): NodeHandle | null {
    const ring = this.#ring;
    const cursor = this.#cursor;
    const handle = ring[cursor];
    if (handle === undefined) return null;
    if (context.tried.length > 0 && context.tried.includes(handle)) return this.#pickAfter(cursor, context);
    this.#cursor = cursor + 1 === ring.length ? 0 : cursor + 1;
    return handle;
  }

  standing(into: Map<NodeHandle, number>): void {
    const { length } = this.#ring;
    for (let place = 0; place < length; place++) {
      into.set(this.#ring[(this.#cursor + place) % length]!, (length - 1 - 2 * place) / (2 * length));
    }
  }

  /** The node that is taken out of turn changes places with the one whose turn it was, which keeps its claim. */
  #pickAfter(cursor: number, context: PickContext): NodeHandle | null {
    const ring = this.#ring;
    for (let step = 1; step < ring.length; step++) {
      const place = (cursor + step) % ring.length;
      const handle = ring[place]!;
      if (context.tried.includes(handle)) continue;
      ring[place] = ring[cursor]!;
      ring[cursor] = handle;
      this.#cursor = cursor + 1 === ring.length ? 0 : cursor + 1;
      return handle;
    }
    return null;
  }
}

/**
 * The nodes that are owed most first. The newcomers are spread over the queue: all in one place, they would push those
 * behind it to the end at every change, and whoever stays while many come and go would never get to the front.
 */
function queueOf(ready: readonly NodeHandle[], standing: Standing): NodeHandle[] {
  const owed = new Map(standing.owed);
  const newcomers = ready.length - owed.size;
  for (const handle of ready) {
    if (owed.has(handle)) continue;
    const place = owed.size - standing.owed.size;
    owed.set(handle, standing.newcomer + 0.5 - (place + 0.5) / newcomers);
  }
  return [...owed.keys()].sort((a, b) => owed.get(b)! - owed.get(a)!);
}
