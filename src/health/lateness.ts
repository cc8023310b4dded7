import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Check } from './check.ts';

const REPEAT_MS = 60_000;

/** Says, once a minute at most, that probes wait for their turn longer than their interval. */
export class Lateness {
  readonly #clock: Clock;
  readonly #log: Log;
  #silentUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A probe begins now. */
  began(check: Check): void {
    const now = this.#clock.now();
    const late = now - check.due;
    if (late < check.interval() || now < this.#silentUntil) return;
    this.#silentUntil = now + REPEAT_MS;
    const seconds = Math.round(late / 1000);
    const message = `checks of upstream ${check.group} begin ${seconds} s late: raise concurrency or lower timeout`;
    this.#log.warn('health.behind', message, { upstream: check.group, seconds });
  }
}
