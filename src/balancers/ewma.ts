import type { Random } from '../core/random.ts';
import { firstUntried } from './two-choices.ts';
import { TwoDraws } from './two-draws.ts';
import type { Balancer, NodeHandle, PickContext, Picker } from './types.ts';
import { TypicalLatency } from './typical-latency.ts';

/**
 * Peak-EWMA (`ewma`; Finagle's PeakEwma with two choices): of two different nodes drawn at random the one that is likely
 * to answer first, by its recent latency times what it has under way with this use.
 *
 * Two distinct choices, and not a search of all nodes, at every size: a single slow node loses every comparison, while a
 * search would put everything on the one node that is a hair faster than the others. The draw is by weight and the load
 * is counted relative to it; latency is what it is. A node of which nothing is known, or nothing recent, stands where
 * the median of its peers does.
 */
export function createEwma(random: Random, decayMs: number): Balancer {
  return { type: 'ewma', build: (ready) => new EwmaPicker(ready, random, decayMs) };
}

class EwmaPicker implements Picker {
  readonly #handles: readonly NodeHandle[];
  readonly #draws: TwoDraws | null;
  readonly #typical: TypicalLatency;
  readonly #meanWeight: number;

  constructor(handles: readonly NodeHandle[], random: Random, decayMs: number) {
    this.#handles = handles;
    this.#draws = handles.length > 1 ? new TwoDraws(handles, random) : null;
    this.#typical = new TypicalLatency(handles, decayMs);
    this.#meanWeight = handles.reduce((sum, handle) => sum + handle.weight, 0) / handles.length;
  }

  pick(context: PickContext): NodeHandle | null {
    const { tried, now } = context;
    const draws = this.#draws;
    if (draws === null) return firstUntried(this.#handles, 0, tried);
    draws.draw();
    const one = this.#handles[draws.one]!;
    const other = this.#handles[draws.other]!;
    if (tried.length > 0) {
      if (tried.includes(one)) return firstUntried(this.#handles, draws.other, tried);
      if (tried.includes(other)) return one;
    }
    return this.#cost(other, now) < this.#cost(one, now) ? other : one;
  }

  #cost(handle: NodeHandle, now: number): number {
    const latency = handle.peakLatency(now) || this.#typical.at(now);
    return latency * (1 + (handle.inflight() * this.#meanWeight) / handle.weight);
  }
}
