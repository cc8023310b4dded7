import { type Clock, sleep } from '../core/clock.ts';

/**
 * Floor between questions: a token bucket. An ordinary change is asked for at once; a source whose answers return without
 * waiting (a flapping service, an index that is never accepted) is asked at the refill rate and no faster.
 */
export class QuestionRate {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refillMs: number;
  #tokens: number;
  #filledAt: number;

  /** `burst` questions at once, then one for every `refillMs` milliseconds. */
  constructor(clock: Clock, burst = 20, refillMs = 100) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
    this.#tokens = burst;
    this.#filledAt = clock.now();
  }

  /** Resolves when the next question may be asked, or when `signal` aborts. */
  async take(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) / this.#refillMs);
    this.#filledAt = now;
    this.#tokens -= 1;
    if (this.#tokens < 0) await sleep(this.#clock, -this.#tokens * this.#refillMs, signal);
  }
}
