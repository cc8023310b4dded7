import type { Clock, Timer } from '../core/clock.ts';
import type { MassCollapse } from './mass-collapse.ts';
import { adopted, canonical, counted, type MemberRules, sameMembers, union, without } from './node-order.ts';
import { TokenBucket } from './token-bucket.ts';

/** What the guard thinks implausible and how long it holds that back. Durations in milliseconds; 0 holds nothing. */
export interface GuardOptions {
  /** A set smaller than this may shrink as it likes, unless its source is in doubt. */
  readonly minNodes: number;
  /** Losing more than this share of its members is a collapse. */
  readonly shrinkPercent: number;
  /** Hold for a collapse that leaves some members. */
  readonly shrinkHold: number;
  /** Hold for a set that becomes empty, for a source in doubt and for many services at once. */
  readonly emptyHold: number;
}

/**
 * `applied`: in force at once. `merged`: in force at the end of the merge window. `unchanged`: the answer says nothing new.
 * `held`: a collapse is held back. `dropped`: the set recovered while held. `expired`: the hold is over and the collapse
 * persisted. `released`: let through by hand.
 */
export const VERDICTS = ['applied', 'merged', 'unchanged', 'held', 'dropped', 'expired', 'released'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** `members` is what is in force from now on; the same array as before when that did not change. */
export type GuardListener<T> = (verdict: Verdict, members: readonly T[], reason: string | null) => void;

/**
 * A set that changes again and again is rebuilt once in this time, and the changes between are merged into one. The first
 * few changes are not delayed: a node that is replaced comes in and goes out within milliseconds.
 */
const MERGE_MS = 200;
const MERGE_BURST = 4;
/** How long a source stays in doubt after it came back. */
const DOUBT_MS = 10_000;
/** How far back a collapse of many services looks. */
const RECENT_MS = 5_000;
/** A source that keeps failing while it holds may stretch a hold to this many times its length. */
const MAX_STRETCH = 3;

interface Hold<T> {
  /** What was in force before the collapse. */
  readonly baseline: readonly T[];
  readonly since: number;
  readonly reason: string;
  /** Ends before its time only when every member of the baseline is back. */
  readonly whole: boolean;
  /** The source failed since its last answer: the collapse must be seen again before it counts. */
  unconfirmed: boolean;
  length: number;
  until: number;
  timer: Timer | null;
}

/**
 * Decides which answers of a source come into force, for one set.
 *
 * A change is in force at once; many in a row are merged, so that they come into force every 200 ms. A collapse that looks like a fault of the registry
 * is held back for a bounded time: members that are missing stay, members that are new come in. The tells: a large set
 * collapses in one step; many services of the source collapse together; a set collapses in the first answers after its
 * source was away. Where no member can stand in for another, each that is missing in those answers counts as a collapse: a
 * registry that lost everything gets it back piece by piece. Everything else, such as an ordinary scale-down or the end of a small service, is not delayed.
 */
export class GuardedSet<T> {
  readonly #options: GuardOptions;
  readonly #rules: MemberRules<T>;
  readonly #clock: Clock;
  readonly #others: MassCollapse | null;
  readonly #listener: GuardListener<T>;
  #inForce: readonly T[];
  #latest: readonly T[];
  #known: boolean;
  readonly #rebuilds: TokenBucket;
  #merge: Timer | null = null;
  #hold: Hold<T> | null = null;
  #doubt: string | null = null;
  #doubtUntil = Number.NEGATIVE_INFINITY;
  /** The largest set in force within the last seconds, and when it was replaced. */
  #peak: readonly T[] = [];
  #peakAt = Number.NEGATIVE_INFINITY;

  /** `initial` is in force until the first answer; that answer is compared with it only if it is `known` to be good. */
  constructor(
    options: GuardOptions,
    rules: MemberRules<T>,
    clock: Clock,
    others: MassCollapse | null,
    initial: readonly T[],
    known: boolean,
    listener: GuardListener<T>,
  ) {
    this.#options = options;
    this.#rules = rules;
    this.#clock = clock;
    this.#others = others;
    this.#listener = listener;
    this.#inForce = initial;
    this.#latest = initial;
    this.#known = known;
    this.#rebuilds = new TokenBucket(clock, MERGE_BURST, MERGE_MS);
    others?.join(this);
  }

  get size(): number {
    return this.#inForce.length;
  }

  /** Why a change is held back, and the monotonic millisecond at which that ends; null when none is. */
  get held(): { readonly reason: string; readonly until: number } | null {
    return this.#hold;
  }

  /** The source gave an answer; `doubt` is that of `NodeSink`. */
  offer(answer: readonly T[], doubt?: string | null): void {
    const members = adopted(canonical(answer, this.#rules), this.#inForce, this.#rules);
    if (doubt === null) return this.#settle(members);
    if (doubt !== undefined) this.sourceInDoubt(doubt);
    if (this.#doubt !== null && this.#doubtUntil === Number.POSITIVE_INFINITY) {
      this.#doubtUntil = this.#clock.now() + DOUBT_MS;
    }
    this.#latest = members;
    if (!this.#known) {
      this.#known = true;
      return this.#putInForce('applied', members, null);
    }
    if (this.#hold) return this.#offerHeld(this.#hold, members);
    if (this.collapsed && this.#others?.report(this)) return;
    const reason = this.#implausible(members);
    const length = members.length === 0 || this.#inDoubt() ? this.#options.emptyHold : this.#options.shrinkHold;
    if (reason === null || length <= 0) return this.#applyOrMerge('applied', members, null);
    this.#startHold(this.#inForce, reason, length);
    this.#applyOrMerge('held', union(members, this.#inForce, this.#rules), reason);
  }

  /** The adapter has held the change back for as long as its settings say. */
  #settle(members: readonly T[]): void {
    this.#endHold();
    this.#doubt = null;
    this.#known = true;
    this.#latest = members;
    this.#putInForce('expired', members, 'it persisted for as long as the source may hold it');
  }

  /** The source could not be asked. Its first answers afterwards are looked at harder. */
  sourceInDoubt(reason: string): void {
    this.#doubt = reason;
    this.#doubtUntil = Number.POSITIVE_INFINITY;
    if (this.#hold) this.#hold.unconfirmed = true;
  }

  /** Whether the latest answer is a collapse of what was in force within the last seconds. */
  get collapsed(): boolean {
    return this.#collapses(this.#hold?.baseline ?? this.#recentPeak(), this.#latest);
  }

  /** Part of a collapse of many services: what was lost in the last seconds comes back and stays for the hold. */
  holdBack(reason: string): void {
    if (this.#hold || this.#options.emptyHold <= 0) return;
    const peak = this.#recentPeak();
    this.#startHold(peak, reason, this.#options.emptyHold);
    this.#putInForce('held', union(this.#latest, peak, this.#rules), reason);
  }

  /** Lets a held change through. False when none is held. */
  release(): boolean {
    if (!this.#hold) return false;
    this.#endHold();
    this.#doubt = null;
    this.#putInForce('released', this.#latest, 'let through by hand');
    return true;
  }

  close(): void {
    this.#cancelMerge();
    this.#endHold();
    this.#others?.leave(this);
  }

  #inDoubt(): boolean {
    return this.#clock.now() < this.#doubtUntil && this.#doubt !== null;
  }

  #collapses(before: readonly T[], after: readonly T[]): boolean {
    if (before.length === 0) return false;
    return after.length === 0 || after.length < before.length * (1 - this.#options.shrinkPercent / 100);
  }

  #lacks(members: readonly T[], earlier: readonly T[]): boolean {
    return without(earlier, members, this.#rules).length > 0;
  }

  /** The tell of a registry fault that this one set shows by itself. */
  #implausible(members: readonly T[]): string | null {
    const before = this.#inForce;
    const doubted = this.#inDoubt();
    const lost =
      doubted && !this.#rules.interchangeable ? this.#lacks(members, before) : this.#collapses(before, members);
    if (!lost) return null;
    const change = `${before.length} → ${counted(members.length, this.#rules.noun)}`;
    if (doubted) return `${change} after ${this.#doubt}`;
    return before.length >= this.#options.minNodes ? `${change} in one step` : null;
  }

  #startHold(baseline: readonly T[], reason: string, length: number): void {
    const since = this.#clock.now();
    const whole = !this.#rules.interchangeable && this.#inDoubt();
    this.#hold = { baseline, since, reason, whole, unconfirmed: false, length, until: since + length, timer: null };
    this.#arm(this.#hold);
  }

  #offerHeld(hold: Hold<T>, members: readonly T[]): void {
    const lost = hold.whole ? this.#lacks(members, hold.baseline) : this.#collapses(hold.baseline, members);
    if (!lost) {
      this.#endHold();
      return this.#applyOrMerge('dropped', members, 'the set recovered');
    }
    if (members.length === 0 && hold.length < this.#options.emptyHold) {
      hold.length = this.#options.emptyHold;
      hold.until = hold.since + hold.length;
      this.#arm(hold);
    }
    if (hold.unconfirmed) {
      hold.unconfirmed = false;
      hold.until = Math.min(this.#clock.now() + hold.length, hold.since + MAX_STRETCH * hold.length);
      this.#arm(hold);
    }
    this.#applyOrMerge('applied', union(members, hold.baseline, this.#rules), hold.reason);
  }

  #arm(hold: Hold<T>): void {
    hold.timer?.cancel();
    hold.timer = this.#clock.after(hold.until - this.#clock.now(), () => {
      if (hold.unconfirmed) return;
      this.#endHold();
      this.#doubt = null;
      this.#putInForce('expired', this.#latest, `it persisted: ${hold.reason}`);
    });
  }

  #endHold(): void {
    this.#hold?.timer?.cancel();
    this.#hold = null;
  }

  #applyOrMerge(verdict: Verdict, members: readonly T[], reason: string | null): void {
    const wait = this.#rebuilds.delay();
    if (wait <= 0 || sameMembers(members, this.#inForce, this.#rules)) {
      return this.#putInForce(verdict, members, reason);
    }
    this.#cancelMerge();
    this.#merge = this.#clock.after(wait, () => this.#putInForce('merged', members, null));
    if (verdict !== 'applied') this.#listener(verdict, this.#inForce, reason);
  }

  #cancelMerge(): void {
    this.#merge?.cancel();
    this.#merge = null;
  }

  #putInForce(verdict: Verdict, members: readonly T[], reason: string | null): void {
    this.#cancelMerge();
    if (sameMembers(members, this.#inForce, this.#rules)) {
      return this.#listener(verdict === 'applied' ? 'unchanged' : verdict, this.#inForce, reason);
    }
    if (verdict === 'expired' || verdict === 'released') this.#peakAt = Number.NEGATIVE_INFINITY;
    else this.#rememberPeak();
    this.#inForce = members;
    this.#rebuilds.take();
    this.#listener(verdict, members, reason);
  }

  #rememberPeak(): void {
    const now = this.#clock.now();
    if (now - this.#peakAt <= RECENT_MS && this.#peak.length > this.#inForce.length) return;
    this.#peak = this.#inForce;
    this.#peakAt = now;
  }

  #recentPeak(): readonly T[] {
    const recent = this.#clock.now() - this.#peakAt <= RECENT_MS;
    return recent && this.#peak.length > this.#inForce.length ? this.#peak : this.#inForce;
  }
}
