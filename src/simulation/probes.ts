import type { Random } from '../core/random.ts';
import type { ActiveCheckPlan, Probe, ProbeResult } from '../health/types.ts';
import type { Fleet } from './fleet.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Active checks of simulated nodes. */
export class SimulatedProbes {
  /** Set when a check began or ended: what follows from that runs in the microtask queue, which has to be let run. */
  isUnsettled = false;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #fleet: Fleet;

  constructor(clock: VirtualClock, random: Random, fleet: Fleet) {
    this.#clock = clock;
    this.#random = random;
    this.#fleet = fleet;
  }

  probe({ question, timeoutMs }: ActiveCheckPlan): Probe {
    return {
      check: ({ host }, signal) => {
        this.isUnsettled = true;
        return new Promise((resolve) => {
          const end = (result: ProbeResult) => {
            this.isUnsettled = true;
            timer.cancel();
            resolve(result);
          };
          const timer = this.#clock.after(timeoutMs, () => end({ verdict: 'timeout', detail: 'no answer' }));
          signal.addEventListener('abort', () => end({ verdict: 'neutral', detail: 'given up' }), { once: true });
          this.#fleet.node(host)?.check(this.#clock, this.#random, question.type === 'http', end);
        });
      },
    };
  }
}
