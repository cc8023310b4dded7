import { type Clock, sleep } from '../core/clock.ts';

/** A wait that can be cut short. A ring while nobody waits counts for the next wait. */
export class Wake {
  readonly #clock: Clock;
  #rung = false;
  #waiting: AbortController | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#waiting?.abort();
  }

  /** Resolves after `ms` milliseconds, at a ring, or when `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      this.#waiting = new AbortController();
      await sleep(this.#clock, ms, AbortSignal.any([signal, this.#waiting.signal]));
      this.#waiting = null;
    }
    this.#rung = false;
  }
}
