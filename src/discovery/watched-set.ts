import type { Clock } from '../core/clock.ts';
import type { HeadgateError } from '../core/errors.ts';
import { GuardedSet, type GuardListener, type GuardOptions, type Verdict } from './guard.ts';
import type { MassCollapse } from './mass-collapse.ts';
import type { MemberRules } from './node-order.ts';
import type { NodeSetState } from './types.ts';

/** What an earlier run knew. */
export interface CachedMembers<T> {
  readonly members: readonly T[];
  /** Wall-clock milliseconds of the last good answer. */
  readonly at: number;
  /** Older than the cache vouches for: served, but anything that the source says replaces it. */
  readonly expired: boolean;
}

/** What is known of one watched set. Replaced whole with each answer and failure. */
export interface Watched<T> {
  readonly members: readonly T[];
  readonly version: number;
  readonly state: NodeSetState;
  readonly cached: boolean;
  readonly confirmedAt: number | null;
  readonly reason: string | null;
}

/** One step of a watched set. `verdict` is null for a failure. */
export interface WatchedChange<T> {
  readonly before: Watched<T>;
  readonly after: Watched<T>;
  readonly verdict: Verdict | null;
  readonly reason: string | null;
}

export interface WatchedSetParts<T> {
  readonly guard: GuardOptions;
  readonly rules: MemberRules<T>;
  readonly clock: Clock;
  readonly others: MassCollapse | null;
  readonly cached: CachedMembers<T> | null;
  readonly changed: (change: WatchedChange<T>) => void;
}

/** One watch: its guard, its state, and what ends it. Takes what an adapter reports as a `NodeSink` or `CatalogSink` does. */
export class WatchedSet<T> {
  readonly #abort = new AbortController();
  readonly #guard: GuardedSet<T>;
  readonly #clock: Clock;
  readonly #changed: (change: WatchedChange<T>) => void;
  #current: Watched<T>;
  /** The last failure, until the next answer. */
  #failure: string | null = null;

  constructor(parts: WatchedSetParts<T>) {
    const { cached, clock, guard, rules, others } = parts;
    const members = cached?.members ?? [];
    const trusted = cached !== null && !cached.expired;
    this.#clock = clock;
    this.#changed = parts.changed;
    this.#current = {
      members,
      version: cached ? 1 : 0,
      state: cached ? 'stale' : 'init',
      cached: cached !== null,
      confirmedAt: null,
      reason: cached ? cacheReason(cached) : null,
    };
    const judged: GuardListener<T> = (verdict, inForce, reason) => this.#judged(verdict, inForce, reason);
    this.#guard = new GuardedSet(guard, rules, clock, others, members, trusted, judged);
    if (trusted) this.#guard.sourceInDoubt('the start with a set from the cache');
  }

  get current(): Watched<T> {
    return this.#current;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  set(members: readonly T[], doubt?: string | null): void {
    if (this.signal.aborted) return;
    this.#failure = null;
    this.#current = { ...this.#current, cached: false, confirmedAt: this.#clock.now() };
    this.#guard.offer(members, doubt);
  }

  fail(error: HeadgateError): void {
    if (this.signal.aborted) return;
    this.#failure = error.message;
    this.#guard.sourceInDoubt('the source could not be asked');
    const before = this.#current;
    const known = before.confirmedAt !== null || before.cached;
    this.#current = { ...before, state: known ? 'stale' : 'failed', reason: error.message };
    this.#changed({ before, after: this.#current, verdict: null, reason: error.message });
  }

  release(): boolean {
    return this.#guard.release();
  }

  close(): void {
    this.#abort.abort();
    this.#guard.close();
  }

  #judged(verdict: Verdict, members: readonly T[], reason: string | null): void {
    const before = this.#current;
    const held = this.#guard.held;
    const version = members === before.members ? before.version : before.version + 1;
    const state = this.#failure !== null ? 'stale' : held ? 'held' : 'ok';
    const why = this.#failure ?? (held ? this.#heldReason(held) : null);
    this.#current = { ...before, members, version, state, reason: why };
    this.#changed({ before, after: this.#current, verdict, reason });
  }

  #heldReason(held: { readonly reason: string; readonly until: number }): string {
    const until = new Date(this.#clock.wall() + held.until - this.#clock.now()).toISOString();
    return `${held.reason}; held until ${until}`;
  }
}

function cacheReason(cached: CachedMembers<unknown>): string {
  const age = cached.expired ? ', which is too old to vouch for' : '';
  return `from the cache of ${new Date(cached.at).toISOString()}${age}; not confirmed by the source yet`;
}
