import type { Damping } from './types.ts';

/**
 * Keeps out for longer, each time, what falls again and again.
 *
 * The first fall costs nothing more than the successes that lead back. The second holds the node for `holdMs` from the
 * fall on, each further one for twice as long as the one before, at most `maxMs`. For every `maxMs` that pass between two
 * falls one is forgotten.
 */
export class Damper {
  #falls = 0;
  #fellAt = 0;
  #heldUntil = 0;

  /** Monotonic milliseconds; 0 when nothing was ever held. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  /** The node has become unhealthy after it was not. */
  fell(now: number, { holdMs, maxMs }: Damping): void {
    const forgotten = Math.floor((now - this.#fellAt) / maxMs);
    this.#falls = Math.max(0, this.#falls - forgotten) + 1;
    this.#fellAt = now;
    this.#heldUntil = this.#falls === 1 ? 0 : now + Math.min(maxMs, holdMs * 2 ** (this.#falls - 2));
  }

  adopt(other: Damper): void {
    this.#falls = other.#falls;
    this.#fellAt = other.#fellAt;
    this.#heldUntil = other.#heldUntil;
  }

  /** A hold that was set under other rules means nothing. */
  release(): void {
    this.#heldUntil = 0;
  }
}
