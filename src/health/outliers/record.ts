import { CountWindow } from '../count-window.ts';
import type { Ejection, OutlierGroup, OutlierNode, OutlierPlan, UseCounts } from './types.ts';

/** What is known of one node: its window, and its ejections so far. */
export class OutlierRecord {
  readonly key: string;
  readonly slot: number;
  readonly #window = new CountWindow(2);
  group: OutlierGroup;
  ejection: Ejection | null = null;
  #times = 0;
  /** When the last ejection ended; the count of those in a row goes down with time since. */
  #returnedAt = 0;
  /** When it was last reported that it would be ejected, but is not. */
  #sparedAt = Number.NEGATIVE_INFINITY;

  constructor({ key, slot }: OutlierNode, group: OutlierGroup) {
    this.key = key;
    this.slot = slot;
    this.group = group;
  }

  /** `spread` in [0, 1) keeps nodes that were ejected together from coming back together. Returns the milliseconds. */
  eject(reason: string, now: number, spread: number): number {
    const { baseMs, maxMs } = this.group.plan.ejection;
    if (this.ejection === null) this.#times = Math.max(0, this.#times - goodPeriods(now - this.#returnedAt, baseMs));
    this.#times += 1;
    const lasts = Math.min(maxMs, baseMs * this.#times) * (0.9 + 0.2 * spread);
    this.ejection = { reason, times: this.#times, since: now, until: now + lasts };
    return lasts;
  }

  /** Whether to report that it would be ejected: once for the time that it would be, however often it fails. */
  isSpared(now: number): boolean {
    if (now - this.#sparedAt < this.group.plan.ejection.baseMs) return false;
    this.#sparedAt = now;
    return true;
  }

  reinstate(now: number): void {
    this.ejection = null;
    this.#returnedAt = now;
    this.#window.clear();
  }

  /** Takes the running totals at the end of a bucket. */
  sample({ total, failed }: UseCounts): void {
    this.#window.sample([total, failed]);
  }

  /** What came within the window. */
  recent(): UseCounts {
    return { total: this.#window.growth(0), failed: this.#window.growth(1) };
  }

  /** Begins a new window. */
  forget(): void {
    this.#window.clear();
  }
}

function goodPeriods(elapsed: number, baseMs: number): number {
  return baseMs > 0 ? Math.floor(elapsed / baseMs) : 0;
}

/** How many nodes of a group may be ejected at once. */
export function ejectionCap(nodes: number, { ejection }: OutlierPlan): number {
  return nodes <= 1 ? 0 : Math.max(1, Math.floor(nodes * ejection.maxShare));
}
