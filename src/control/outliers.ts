import { Outcome } from '../balancers/types.ts';
import { OutlierDetector } from '../health/outliers/detector.ts';
import type { OutlierEvent, OutlierGroup } from '../health/outliers/types.ts';
import type { NodeAlarm } from '../upstream/handle.ts';
import type { Tools } from './discoveries.ts';
import type { NodeSlots } from './node-slots.ts';
import { usesOf } from './node-totals.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';

/** How often each kind of verdict was given, over all nodes. */
export type OutlierTallies = Record<OutlierEvent['kind'], number>;

export interface OutlierParts extends Tools {
  readonly statistics: Statistics;
  readonly nodeSlots: NodeSlots;
  readonly publisher: Publisher;
}

/** Outlier detection over the node table: reads what uses came to, writes who is ejected. */
export class Outliers {
  readonly tallies: OutlierTallies = { ejected: 0, shadow: 0, capped: 0, reinstated: 0 };
  readonly #parts: OutlierParts;
  readonly #detector: OutlierDetector;

  constructor(parts: OutlierParts) {
    this.#parts = parts;
    const { statistics, clock, random } = parts;
    const { table, nodes } = statistics;
    this.#detector = new OutlierDetector({
      clock,
      random,
      counts: (slot) => usesOf(nodes, slot),
      eject: (group, slot, until) => {
        table.eject(slot, until);
        this.#changed(group);
      },
      reinstate: (group, slot) => {
        table.reinstate(slot);
        table.beginRamp(slot, clock.now());
        this.#changed(group);
      },
      report: (event) => this.#report(event),
    });
  }

  /** Replaces the whole list of upstreams that want it. */
  track(groups: Iterable<OutlierGroup>): void {
    this.#detector.track(groups);
  }

  alarm(slot: number, alarm: NodeAlarm): void {
    if (alarm === 'recovered') return this.#detector.recovered(slot, 'a request that tried it was answered');
    if (alarm === 'relapsed') return this.#detector.relapsed(slot);
    this.#detector.streak(slot, this.#longestStreak(slot));
  }

  /** Active checks found the node well after they had found it bad. */
  checkPassed(key: string): void {
    const slot = this.#parts.nodeSlots.get(key);
    if (slot !== undefined) this.#detector.recovered(slot, 'active checks succeed again');
  }

  /** Why and until when (monotonic ms) a node is ejected; null when it is not. */
  ejection(key: string) {
    return this.#detector.ejection(key);
  }

  close(): void {
    this.#detector.close();
  }

  #longestStreak(slot: number): string {
    const { table } = this.#parts.statistics;
    const names: readonly [Outcome, string][] = [
      [Outcome.serverError, 'failing answers'],
      [Outcome.connectFailure, 'failed connections'],
      [Outcome.timeout, 'timeouts'],
      [Outcome.reset, 'broken connections'],
    ];
    const streaks = names.map(([outcome, name]) => ({ name, length: table.streak(slot, outcome) }));
    const longest = streaks.reduce((best, streak) => (streak.length > best.length ? streak : best));
    return `${longest.length} ${longest.name} in a row`;
  }

  #changed(upstream: string): void {
    const planned = this.#parts.publisher.upstreams.get(upstream);
    if (planned) this.#parts.statistics.table.bump(planned.slot);
  }

  #report({ kind, group, key, reason, forMs }: OutlierEvent): void {
    this.tallies[kind] += 1;
    const { log } = this.#parts;
    const fields = { upstream: group, node: key.slice(group.length + 1), reason };
    const seconds = `${Math.round(forMs / 100) / 10} s`;
    if (kind === 'ejected') log.warn('outlier.ejected', `${key} is left alone for ${seconds}: ${reason}`, fields);
    else if (kind === 'shadow') log.warn('outlier.shadow', `${key} would be left alone: ${reason}`, fields);
    else if (kind === 'capped')
      log.warn('outlier.capped', `${key} stays, since too many are ejected: ${reason}`, fields);
    else log.info('outlier.reinstated', `${key} takes traffic again: ${reason}`, fields);
  }
}
