import type { Readiness as ReadinessView } from '../admin/views.ts';
import type { Clock } from '../core/clock.ts';

/**
 * Whether this instance should get traffic: the listeners are bound, the first node sets are there or were waited for long
 * enough, and no shutdown has begun. A registry that is lost later changes nothing: the nodes known last still serve.
 */
export class Readiness {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #waitingFor: () => readonly string[];
  #startedAt: number | null = null;
  #settled = false;
  #draining = false;

  /** `waitingFor`: names of the services that have no answer yet. */
  constructor(clock: Clock, timeoutMs: number, waitingFor: () => readonly string[]) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#waitingFor = waitingFor;
  }

  /** The listeners are bound. */
  listening(): void {
    this.#startedAt ??= this.#clock.now();
  }

  /** A shutdown has begun; there is no way back. */
  drain(): void {
    this.#draining = true;
  }

  view(): ReadinessView {
    const reasons: string[] = [];
    if (this.#draining) reasons.push('shutting down');
    if (this.#startedAt === null) reasons.push('the listeners are not bound yet');
    else if (!this.#settled) reasons.push(...this.#unsettled(this.#startedAt));
    return { ready: reasons.length === 0, reasons };
  }

  #unsettled(startedAt: number): readonly string[] {
    const waiting = this.#waitingFor();
    if (waiting.length === 0 || this.#clock.now() - startedAt >= this.#timeoutMs) {
      this.#settled = true;
      return [];
    }
    const shown = waiting.slice(0, 5).join(', ');
    return [`no answer yet for ${shown}${waiting.length > 5 ? ` and ${waiting.length - 5} more` : ''}`];
  }
}
