import type { Clock } from '../core/clock.ts';
import type { ConfigMetrics } from '../telemetry/metrics-source.ts';

/** What became of the configurations that were read; the metrics show it. */
export class ReloadRecord {
  readonly #clock: Clock;
  #successful = true;
  #appliedAt: number;
  #successes = 1;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#appliedAt = clock.wall();
  }

  succeeded(): void {
    this.#successful = true;
    this.#successes += 1;
    this.#appliedAt = this.#clock.wall();
  }

  failed(): void {
    this.#successful = false;
    this.#failures += 1;
  }

  view(): ConfigMetrics {
    return {
      lastReloadSuccessful: this.#successful,
      lastReloadAt: this.#appliedAt,
      reloads: { success: this.#successes, failure: this.#failures },
    };
  }
}
