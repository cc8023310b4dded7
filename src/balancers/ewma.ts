import type { Random } from '../core/random.ts';
import { firstUntried } from './two-choices.ts';
import { TwoDraws } from './two-draws.ts';
import type { Balancer, NodeHandle, PickContext, Picker } from './types.ts';
import { TypicalLatency } from './typical-latency.ts';

/** A node is far off when it takes this many times as long as is typical; then two more are drawn, so many times at most. */
const FAR = 8;
const REDRAWS = 3;

/**
 * Peak-EWMA (`ewma`; Finagle's PeakEwma with two choices): of two different nodes drawn at random the one that is likely
 * to answer first, by its recent latency times what it has under way with this use.
 *
 * Two distinct choices, and not a search of all nodes, at every size: a single slow node loses every comparison, while a
 * search would put everything on the one node that is a hair faster than the others. The draw is by weight and the load
 * is counted relative to it; latency is what it is. When both nodes are far off what is typical others are drawn: of ten
 * nodes of which three are bad, two draws hit two bad ones in one case of fifteen, and the least bad would win each time. A node of which nothing is known, or nothing recent, stands where
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
    const typical = this.#typical.at(now);
    let best = this.#cheaper(one, other, now, typical);
    for (let redraw = 0; redraw < REDRAWS && best.peakLatency(now) > typical * FAR; redraw++) {
      draws.draw();
      const next = this.#cheaper(this.#handles[draws.one]!, this.#handles[draws.other]!, now, typical);
      best = this.#cheaper(best, next, now, typical);
    }
    return best;
  }

  #cheaper(one: NodeHandle, other: NodeHandle, now: number, typical: number): NodeHandle {
    return this.#cost(other, now, typical) < this.#cost(one, now, typical) ? other : one;
  }

  #cost(handle: NodeHandle, now: number, typical: number): number {
    const latency = handle.peakLatency(now) || typical;
    return latency * (1 + (handle.inflight() * this.#meanWeight) / handle.weight);
  }
}
