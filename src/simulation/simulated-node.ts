import { Outcome } from '../balancers/types.ts';
import type { Random } from '../core/random.ts';
import { drawLatency, type LatencyModel } from './latency.ts';
import type { VirtualClock } from './virtual-clock.ts';

export type FailureKind = 'error' | 'refuse' | 'timeout' | 'reset';

export interface Behaviour {
  latency: LatencyModel;
  /** Requests served at once; the others wait. Infinity for any number. */
  capacity: number;
  fail: { readonly kind: FailureKind; readonly ratio: number } | null;
}

/** How one use ended, as the gateway sees it. */
export interface Served {
  readonly outcome: Outcome;
  /** False when there was no answer. */
  readonly answered: boolean;
}

/** What a refused connection takes. */
const REFUSAL_MS = 0.2;

/** A backend: so many requests at once, each as long as its latency model says, some failing. */
export class SimulatedNode {
  readonly name: string;
  readonly behaviour: Behaviour;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(name: string, behaviour: Behaviour) {
    this.name = name;
    this.behaviour = behaviour;
  }

  /** Whether a check that connects would succeed. */
  get accepts(): boolean {
    const { fail } = this.behaviour;
    return fail === null || fail.kind !== 'refuse' || fail.ratio < 1;
  }

  /** Takes a request; `done` is called once, after `timeoutMs` at the latest. */
  serve(clock: VirtualClock, random: Random, timeoutMs: number, done: (served: Served) => void): void {
    const { fail } = this.behaviour;
    const fails = fail !== null && random.next() < fail.ratio ? fail.kind : null;
    if (fails === 'refuse') {
      clock.after(REFUSAL_MS, () => done({ outcome: Outcome.connectFailure, answered: false }));
      return;
    }
    let over = false;
    const finish = (served: Served) => {
      if (over) return;
      over = true;
      timer.cancel();
      done(served);
    };
    const timer = clock.after(timeoutMs, () => finish({ outcome: Outcome.timeout, answered: false }));
    if (fails === 'timeout') return;
    this.#work(clock, drawLatency(this.behaviour.latency, random), () => finish(SERVED[fails ?? 'well']));
  }

  /** A request that the gateway has given up is worked off all the same. */
  #work(clock: VirtualClock, ms: number, finished: () => void): void {
    if (this.#busy >= this.behaviour.capacity) {
      this.#waiting.push(() => this.#work(clock, ms, finished));
      return;
    }
    this.#busy += 1;
    clock.after(ms, () => {
      this.#busy -= 1;
      finished();
      this.#waiting.shift()?.();
    });
  }
}

const SERVED: Readonly<Record<'well' | 'error' | 'reset', Served>> = {
  well: { outcome: Outcome.success, answered: true },
  error: { outcome: Outcome.serverError, answered: true },
  reset: { outcome: Outcome.reset, answered: false },
};
