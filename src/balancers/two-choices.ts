import type { Random } from '../core/random.ts';
import { TwoDraws } from './two-draws.ts';
import type { NodeHandle, PickContext, Picker } from './types.ts';

/**
 * The better of two different nodes drawn at random, by what is under way on them (Mitzenmacher 1996): nearly as good as
 * looking at all nodes, for the same cost at any size.
 *
 * Nodes are drawn by weight. The first one stands unless the second, with this use added, would have no more to do for
 * its weight than the first has now: so shares are those of the weights while there is little to do, and load is even
 * for its weight when there is much. Between equal weights that is the smaller number.
 */
export class TwoChoicesPicker implements Picker {
  readonly #handles: readonly NodeHandle[];
  readonly #draws: TwoDraws | null;

  constructor(handles: readonly NodeHandle[], random: Random) {
    this.#handles = handles;
    this.#draws = handles.length > 1 ? new TwoDraws(handles, random) : null;
  }

  pick(context: PickContext): NodeHandle | null {
    const { tried } = context;
    const draws = this.#draws;
    if (draws === null) return firstUntried(this.#handles, 0, tried);
    draws.draw();
    const one = this.#handles[draws.one]!;
    const other = this.#handles[draws.other]!;
    if (tried.length > 0) {
      if (tried.includes(one)) return firstUntried(this.#handles, draws.other, tried);
      if (tried.includes(other)) return one;
    }
    return hasRoomFor(other, one) ? other : one;
  }
}

/** Cross-multiplied, since a division costs more. */
function hasRoomFor(other: NodeHandle, one: NodeHandle): boolean {
  return (other.inflight() + 1) * one.weight <= one.inflight() * other.weight;
}

/** The first from index `from` on that was not tried. */
export function firstUntried(
  handles: readonly NodeHandle[],
  from: number,
  tried: readonly NodeHandle[],
): NodeHandle | null {
  for (let step = 0; step < handles.length; step++) {
    const handle = handles[(from + step) % handles.length]!;
    if (!tried.includes(handle)) return handle;
  }
  return null;
}
