import { CountWindow } from '../count-window.ts';
import type { BreakerChange, BreakerPlan, BreakerState, BreakerTotals } from './types.ts';

/**
 * A circuit breaker: closed, it counts; open, nothing passes; half-open, a few requests are let through and decide.
 * Pure: time and totals are given to it.
 */
export class CircuitBreaker {
  state: BreakerState = 'closed';
  readonly #plan: BreakerPlan;
  readonly #window = new CountWindow(3);
  /** Openings in a row. */
  #times = 0;
  /** When an open breaker lets the first trials through, or what half-open waits for is given up. Monotonic ms. */
  #until = 0;
  #trialsFrom: BreakerTotals = { total: 0, failed: 0, slow: 0 };

  constructor(plan: BreakerPlan) {
    this.#plan = plan;
  }

  /** To be called ten times a window. Returns the change of state, or null. */
  tick(now: number, totals: BreakerTotals): BreakerChange | null {
    if (this.state === 'closed') return this.#count(now, totals);
    if (this.state === 'open') return now < this.#until ? null : this.#try(now, totals, 'the time is over');
    return this.#judge(now, totals);
  }

  #count(now: number, { total, failed, slow }: BreakerTotals): BreakerChange | null {
    this.#window.sample([total, failed, slow]);
    const recent = { total: this.#window.growth(0), failed: this.#window.growth(1), slow: this.#window.growth(2) };
    if (recent.total < this.#plan.minRequests) return null;
    const reason = this.#tooBad(recent);
    return reason === null ? null : this.#open(now, reason);
  }

  #tooBad({ total, failed, slow }: BreakerTotals): string | null {
    const { failureRatio, slowRatio } = this.#plan;
    if (failureRatio !== null && failed / total >= failureRatio) return `${failed} of ${total} failed`;
    if (slowRatio !== null && slow / total >= slowRatio) return `${slow} of ${total} were slow`;
    return null;
  }

  #open(now: number, reason: string): BreakerChange {
    const { openMs, maxOpenMs } = this.#plan;
    const forMs = Math.min(maxOpenMs, openMs * 2 ** this.#times);
    this.#times += 1;
    this.#until = now + forMs;
    this.state = 'open';
    return { state: 'open', reason, forMs };
  }

  #try(now: number, totals: BreakerTotals, reason: string): BreakerChange {
    this.state = 'half-open';
    this.#trialsFrom = totals;
    this.#until = now + this.#plan.openMs;
    return { state: 'half-open', reason, forMs: 0 };
  }

  #judge(now: number, totals: BreakerTotals): BreakerChange | null {
    const from = this.#trialsFrom;
    const total = totals.total - from.total;
    const isOver = now >= this.#until;
    if (total < this.#plan.trials && !isOver) return null;
    // Trials that came to nothing, because clients left or nobody asked, are given out again.
    if (total <= 0) return this.#try(now, totals, 'the trials came to nothing');
    const reason = this.#tooBad({ total, failed: totals.failed - from.failed, slow: totals.slow - from.slow });
    if (reason !== null) return this.#open(now, reason);
    this.state = 'closed';
    this.#times = 0;
    this.#window.clear();
    return { state: 'closed', reason: `${total} trials went well`, forMs: 0 };
  }
}
