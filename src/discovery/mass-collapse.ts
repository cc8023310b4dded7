import type { Clock } from '../core/clock.ts';

/** A set that takes part in looking for collapses of many services. */
export interface Collapsible {
  readonly size: number;
  /** Whether it lost most of its nodes within the last seconds and has not got them back. */
  readonly collapsed: boolean;
  holdBack(reason: string): void;
}

/** So many services of a source must collapse within this time, and be this share of those that have nodes. */
const MIN_SERVICES = 3;
const MIN_SHARE = 0.25;
const WINDOW_MS = 5_000;

/**
 * Looks over all services of one source: that one service ends is ordinary, that many collapse within seconds is not.
 * The first of them are in force by then, and are brought back.
 */
export class MassCollapse {
  readonly #clock: Clock;
  readonly #members = new Set<Collapsible>();
  readonly #collapsedAt = new Map<Collapsible, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(member: Collapsible): void {
    this.#members.add(member);
  }

  leave(member: Collapsible): void {
    this.#members.delete(member);
    this.#collapsedAt.delete(member);
  }

  /** A set collapses. True when it is one of many: all of them have been told to hold back. */
  report(member: Collapsible): boolean {
    const now = this.#clock.now();
    this.#collapsedAt.set(member, now);
    for (const [each, at] of this.#collapsedAt) {
      if (now - at > WINDOW_MS || !each.collapsed) this.#collapsedAt.delete(each);
    }
    const collapsed = [...this.#collapsedAt.keys()];
    let services = 0;
    for (const each of this.#members) {
      if (each.size > 0 || this.#collapsedAt.has(each)) services += 1;
    }
    if (collapsed.length < MIN_SERVICES || collapsed.length < services * MIN_SHARE) return false;
    const reason = `${collapsed.length} of ${services} services collapsed within ${WINDOW_MS / 1000} s`;
    for (const each of collapsed) each.holdBack(reason);
    return true;
  }
}
