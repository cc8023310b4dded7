import { Outcome } from '../balancers/types.ts';
import type { Random } from '../core/random.ts';
import type { ProbeResult } from '../health/types.ts';
import { drawLatency, type LatencyModel } from './latency.ts';
import type { VirtualClock } from './virtual-clock.ts';

/**
 * `error`: an answer that says so. `refuse`: no connection, at once. `unreachable`: none, and no word of it. `timeout`:
 * a connection and no answer. `reset`: the connection breaks before the answer.
 */
export type FaultKind = 'error' | 'refuse' | 'unreachable' | 'timeout' | 'reset';

export interface Behaviour {
  latency: LatencyModel;
  /** Requests served at once; the others wait. Infinity for any number. */
  capacity: number;
  fail: { readonly kind: FaultKind; readonly ratio: number } | null;
  /** A node that has just started is `factor` times slower, less with each of its first requests. */
  readonly warmUp: { readonly requests: number; readonly factor: number } | null;
}

/** How one use ended, as the gateway sees it. */
export interface Served {
  readonly outcome: Outcome;
  /** False when there was no answer. */
  readonly answered: boolean;
}

/** How long the gateway waits, in milliseconds. */
export interface Patience {
  readonly connect: number;
  readonly answer: number;
}

/** What a refused connection takes. */
const REFUSAL_MS = 0.2;

/** A backend: so many requests at once, each as long as its latency model says, some failing. */
export class SimulatedNode {
  readonly name: string;
  readonly behaviour: Behaviour;
  #busy = 0;
  /** Requests since the start, for the warm-up. */
  #served = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(name: string, behaviour: Behaviour) {
    this.name = name;
    this.behaviour = behaviour;
    this.#served = Number.POSITIVE_INFINITY;
  }

  /** Whether it takes connections, at least some. */
  get accepts(): boolean {
    const { fail } = this.behaviour;
    return fail === null || fail.ratio < 1 || (fail.kind !== 'refuse' && fail.kind !== 'unreachable');
  }

  /** It begins cold. */
  restart(): void {
    this.#served = 0;
  }

  /** Takes a request; `done` is called once, when the gateway's patience is over at the latest. */
  serve(clock: VirtualClock, random: Random, patience: Patience, done: (served: Served) => void): void {
    const fault = this.#fault(random);
    if (fault === 'refuse' || fault === 'unreachable') {
      clock.after(fault === 'refuse' ? REFUSAL_MS : patience.connect, () => done(NOT_CONNECTED));
      return;
    }
    let over = false;
    const finish = (served: Served) => {
      if (over) return;
      over = true;
      timer.cancel();
      done(served);
    };
    const timer = clock.after(patience.answer, () => finish(NOT_ANSWERED));
    if (fault === 'timeout') return;
    this.#work(clock, this.#duration(random), () => finish(SERVED[fault ?? 'well']));
  }

  /** Answers a check: `http` sees failing answers, any other just the connection. Takes no capacity. */
  check(clock: VirtualClock, random: Random, http: boolean, done: (result: ProbeResult) => void): void {
    const fault = this.#fault(random);
    if (fault === 'unreachable' || (http && fault === 'timeout')) return;
    if (fault === 'refuse') clock.after(REFUSAL_MS, () => done({ verdict: 'tcp', detail: 'connection refused' }));
    else
      clock.after(http ? this.#duration(random) : REFUSAL_MS, () => done(http ? CHECKED[fault ?? 'well'] : CONNECTED));
  }

  #fault(random: Random): FaultKind | null {
    const { fail } = this.behaviour;
    return fail !== null && random.next() < fail.ratio ? fail.kind : null;
  }

  #duration(random: Random): number {
    const { latency, warmUp } = this.behaviour;
    const drawn = drawLatency(latency, random);
    if (warmUp === null || this.#served >= warmUp.requests) return drawn;
    return drawn * (1 + (warmUp.factor - 1) * (1 - this.#served / warmUp.requests));
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
      this.#served += 1;
      finished();
      // As many as there is room for: the capacity may have changed meanwhile.
      while (this.#busy < this.behaviour.capacity && this.#waiting.length > 0) this.#waiting.shift()!();
    });
  }
}

const NOT_CONNECTED: Served = { outcome: Outcome.connectFailure, answered: false };
const NOT_ANSWERED: Served = { outcome: Outcome.timeout, answered: false };
const SERVED: Readonly<Record<'well' | 'error' | 'reset', Served>> = {
  well: { outcome: Outcome.success, answered: true },
  error: { outcome: Outcome.serverError, answered: true },
  reset: { outcome: Outcome.reset, answered: false },
};
const CONNECTED: ProbeResult = { verdict: 'success', detail: 'connected' };
const CHECKED: Readonly<Record<'well' | 'error' | 'reset' | 'timeout', ProbeResult>> = {
  well: { verdict: 'success', detail: '200' },
  error: { verdict: 'status', detail: '500' },
  reset: { verdict: 'tcp', detail: 'connection broken' },
  timeout: { verdict: 'timeout', detail: 'no answer' },
};
