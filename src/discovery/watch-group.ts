import { type Clock, settledBy } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { GuardOptions } from './guard.ts';
import type { MassCollapse } from './mass-collapse.ts';
import type { MemberRules } from './node-order.ts';
import { type SourceCounters, SourceReports } from './source-reports.ts';
import { type CachedMembers, type Watched, type WatchedChange, WatchedSet } from './watched-set.ts';

/** Something to watch. */
export interface Subject<T> {
  readonly source: string;
  /** For people. */
  readonly label: string;
  readonly others: MassCollapse | null;
  readonly cached: CachedMembers<T> | null;
  /** Starts the adapter's watch; null when the source has none, and then `missing` says why. */
  readonly watch: ((sink: WatchedSet<T>, signal: AbortSignal) => Promise<void>) | null;
  readonly missing: string;
  /** Writes what is in force to the cache. */
  remember(members: readonly T[]): void;
  forget(): void;
}

export interface GroupParts<T> {
  readonly rules: MemberRules<T>;
  readonly guard: GuardOptions;
  readonly clock: Clock;
  readonly log: Log;
}

interface Member<T> {
  readonly subject: Subject<T>;
  readonly set: WatchedSet<T>;
}

/** Watches that are wanted, by key: starts what is new, stops what is gone, tells who listens. */
export class WatchGroup<T> implements Closable {
  readonly #parts: GroupParts<T>;
  readonly #reports: SourceReports;
  readonly #members = new Map<string, Member<T>>();
  readonly #running = new Set<Promise<void>>();
  readonly #listeners = new Set<(key: string) => void>();
  #closing: Promise<void> | null = null;

  constructor(parts: GroupParts<T>) {
    this.#parts = parts;
    this.#reports = new SourceReports(parts.log);
  }

  get counters(): ReadonlyMap<string, SourceCounters> {
    return this.#reports.counters;
  }

  want(keys: Iterable<string>, subjectOf: (key: string) => Subject<T>): void {
    if (this.#closing) return;
    const wanted = new Set(keys);
    for (const key of [...this.#members.keys()]) {
      if (!wanted.has(key)) this.#stop(key);
    }
    for (const key of wanted) {
      if (!this.#members.has(key)) this.#start(key, subjectOf(key));
    }
  }

  current(key: string): Watched<T> | undefined {
    return this.#members.get(key)?.set.current;
  }

  release(key: string): boolean {
    return this.#members.get(key)?.set.release() ?? false;
  }

  onChange(listener: (key: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(deadline: number): Promise<void> {
    for (const member of this.#members.values()) member.set.close();
    this.#closing ??= settledBy(this.#parts.clock, deadline, Promise.all(this.#running));
    return this.#closing;
  }

  #start(key: string, subject: Subject<T>): void {
    const { rules, guard, clock } = this.#parts;
    const { others, cached } = subject;
    const changed = (change: WatchedChange<T>) => this.#changed(key, subject, change);
    const set = new WatchedSet<T>({ rules, guard, clock, others, cached, changed });
    this.#members.set(key, { subject, set });
    const run = this.#run(subject, set);
    this.#running.add(run);
    void run.then(() => this.#running.delete(run));
  }

  /** An adapter must not end before it is told to; one that does is a fault of ours, and is shown as one. */
  async #run(subject: Subject<T>, set: WatchedSet<T>): Promise<void> {
    await null;
    if (!subject.watch) {
      return set.fail(new HeadgateError(subject.missing, { code: 'DISCOVERY_UNKNOWN_SOURCE', source: 'self' }));
    }
    try {
      await subject.watch(set, set.signal);
      if (!set.signal.aborted) throw new Error('the watch ended by itself');
    } catch (cause) {
      set.fail(new HeadgateError(reasonOf(cause), { code: 'DISCOVERY_BROKEN', source: 'self', cause }));
    }
  }

  #stop(key: string): void {
    const member = this.#members.get(key);
    if (!member) return;
    member.set.close();
    member.subject.forget();
    this.#members.delete(key);
    this.#reports.forget(member.subject.source, member.subject.label);
  }

  #changed(key: string, subject: Subject<T>, change: WatchedChange<T>): void {
    this.#reports.add(subject.source, subject.label, this.#parts.rules, change);
    const { before, after } = change;
    if (change.verdict !== null) subject.remember(after.members);
    if (before.members === after.members && before.state === after.state) return;
    for (const listener of this.#listeners) this.#tell(listener, key);
  }

  #tell(listener: (key: string) => void, key: string): void {
    try {
      listener(key);
    } catch (error) {
      this.#parts.log.error('discovery.listener-failed', `a change could not be taken in: ${reasonOf(error)}`, { key });
    }
  }
}
