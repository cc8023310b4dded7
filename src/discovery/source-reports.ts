import type { Log } from '../core/log.ts';
import { VERDICTS, type Verdict } from './guard.ts';
import { countChanges, counted, type MemberRules } from './node-order.ts';
import type { WatchedChange } from './watched-set.ts';

/** Counts since the start, per source. Only grow. */
export interface SourceCounters {
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly errors: number;
}

interface SourceRecord {
  readonly verdicts: Record<Verdict, number>;
  errors: number;
  /** Watches whose last question failed. */
  readonly failing: Set<string>;
  /** Reasons already told in this outage. */
  readonly told: Set<string>;
}

/** An outage with more different reasons than this is not told in more detail. */
const MAX_REASONS = 8;

const HOLD_EVENTS: Partial<Record<Verdict, { readonly event: string; readonly text: string }>> = {
  held: { event: 'discovery.held', text: 'a change is held back' },
  dropped: { event: 'discovery.recovered', text: 'the held change is gone' },
  expired: { event: 'discovery.expired', text: 'the held change is in force' },
  released: { event: 'discovery.released', text: 'the held change is in force' },
};

/** Counts what the guard decided and what failed, and logs what an operator wants to know: one line per change, none per poll. */
export class SourceReports {
  readonly #log: Log;
  readonly #sources = new Map<string, SourceRecord>();

  constructor(log: Log) {
    this.#log = log;
  }

  get counters(): ReadonlyMap<string, SourceCounters> {
    return this.#sources;
  }

  /** `label` names the watched set for people; it is unique within the source. */
  add<T>(source: string, label: string, rules: MemberRules<T>, change: WatchedChange<T>): void {
    const record = this.#record(source);
    if (change.verdict === null) return this.#failed(record, source, label, change.reason ?? 'unknown reason');
    record.verdicts[change.verdict] += 1;
    this.forget(source, label);
    this.#tellHold(source, label, change.verdict, change.reason);
    this.#tellMembers(source, label, rules, change);
  }

  /** The set is not watched any more, or its source answers again. */
  forget(source: string, label: string): void {
    const record = this.#record(source);
    if (!record.failing.delete(label) || record.failing.size > 0) return;
    record.told.clear();
    this.#log.info('discovery.source-back', `${source} answers again`, { source });
  }

  #record(source: string): SourceRecord {
    let record = this.#sources.get(source);
    if (!record) {
      const verdicts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
      record = { verdicts, errors: 0, failing: new Set(), told: new Set() };
      this.#sources.set(source, record);
    }
    return record;
  }

  #failed(record: SourceRecord, source: string, label: string, reason: string): void {
    record.errors += 1;
    record.failing.add(label);
    if (record.told.has(reason) || record.told.size >= MAX_REASONS) return;
    record.told.add(reason);
    const text = `${source} gives no answer for ${label}: ${reason}; what is known stays in force`;
    this.#log.warn('discovery.source-lost', text, { source, set: label, reason });
  }

  #tellHold(source: string, label: string, verdict: Verdict, reason: string | null): void {
    const kind = HOLD_EVENTS[verdict];
    if (!kind) return;
    const level = verdict === 'dropped' ? 'info' : 'warn';
    this.#log[level](kind.event, `${source} ${label}: ${kind.text}: ${reason}`, { source, set: label, reason });
  }

  #tellMembers<T>(source: string, label: string, rules: MemberRules<T>, change: WatchedChange<T>): void {
    const { before, after } = change;
    if (before.members === after.members) return;
    const { added, removed } = countChanges(before.members, after.members, rules);
    const total = after.members.length;
    const text = `${source} ${label}: ${counted(total, rules.noun)} (+${added} −${removed})`;
    this.#log.info('discovery.changed', text, { source, set: label, total, added, removed });
  }
}
