import type { Clock, Timer } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { BUCKETS } from '../count-window.ts';
import { failingNodes, slackers } from './rates.ts';
import { ejectionCap, OutlierRecord } from './record.ts';
import type { Ejection, OutlierEvent, OutlierGroup, OutlierNode, UseCounts } from './types.ts';

export interface OutlierPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Running totals of a node. */
  counts(slot: number): UseCounts;
  /** The node takes no traffic until `until` (monotonic ms); after that a single use tries it. */
  eject(group: string, slot: number, until: number): void;
  /** The node takes traffic again. */
  reinstate(group: string, slot: number): void;
  report(event: OutlierEvent): void;
}

interface Window {
  readonly timer: Timer;
  readonly windowMs: number;
}

/**
 * Outlier detection: leaves nodes alone that fail while others do not, by what real uses of them came to (Envoy's outlier
 * detection; thresholds per upstream).
 *
 * Runs of failures are counted by the workers, which raise an alarm; ratios are looked at here, ten times a window. A
 * single use tries an ejected node when its time is over: it comes back if that succeeds, else it stays away for longer.
 */
export class OutlierDetector {
  readonly #ports: OutlierPorts;
  readonly #records = new Map<string, OutlierRecord>();
  readonly #bySlot = new Map<number, OutlierRecord>();
  #groups = new Map<string, OutlierGroup>();
  readonly #windows = new Map<string, Window>();
  #closed = false;

  constructor(ports: OutlierPorts) {
    this.#ports = ports;
  }

  /** Replaces the whole list. What is known of nodes that stay is kept. A group that is the same object did not change. */
  track(groups: Iterable<OutlierGroup>): void {
    if (this.#closed) return;
    const before = this.#groups;
    this.#groups = new Map();
    for (const group of groups) {
      this.#groups.set(group.id, group);
      const known = before.get(group.id);
      before.delete(group.id);
      if (known !== group) this.#follow(group, known?.nodes ?? []);
    }
    for (const { nodes } of before.values()) for (const { key } of nodes) this.#forget(key);
    this.#watch();
  }

  /** A node has failed as often in a row as its upstream allows; `streak` is what the run was of, for people. */
  streak(slot: number, streak: string): void {
    const record = this.#bySlot.get(slot);
    if (record && !record.ejection) this.#consider(record, streak);
  }

  /** The single use that tried an ejected node, or an active check, found it well. */
  recovered(slot: number, reason: string): void {
    const record = this.#bySlot.get(slot);
    if (record?.ejection) this.#reinstate(record, reason);
  }

  /** The single use that tried an ejected node failed. */
  relapsed(slot: number): void {
    const record = this.#bySlot.get(slot);
    if (record?.ejection) this.#eject(record, record.ejection.reason);
  }

  ejection(key: string): Ejection | null {
    return this.#records.get(key)?.ejection ?? null;
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#windows.values()) timer.cancel();
    this.#windows.clear();
  }

  #follow(group: OutlierGroup, before: readonly OutlierNode[]): void {
    const present = new Set<string>();
    for (const node of group.nodes) {
      present.add(node.key);
      const known = this.#records.get(node.key);
      if (known && known.slot === node.slot) {
        known.group = group;
        if (group.plan.shadow && known.ejection) this.#reinstate(known, 'failures are only reported from now on');
      } else this.#add(new OutlierRecord(node, group));
    }
    for (const { key } of before) if (!present.has(key)) this.#forget(key);
  }

  #add(record: OutlierRecord): void {
    this.#records.set(record.key, record);
    this.#bySlot.set(record.slot, record);
  }

  #forget(key: string): void {
    const record = this.#records.get(key);
    if (!record) return;
    this.#records.delete(key);
    if (this.#bySlot.get(record.slot) === record) this.#bySlot.delete(record.slot);
    if (record.ejection) this.#ports.reinstate(record.group.id, record.slot);
  }

  /** Starts and stops the sampling of groups that compare rates. */
  #watch(): void {
    for (const [id, { plan }] of this.#groups) {
      if ((plan.failureRatio || plan.successRate) && this.#windows.get(id)?.windowMs !== plan.windowMs) {
        this.#windows.get(id)?.timer.cancel();
        this.#schedule(id, plan.windowMs);
      }
    }
    for (const [id, { timer }] of this.#windows) {
      const plan = this.#groups.get(id)?.plan;
      if (plan?.failureRatio || plan?.successRate) continue;
      timer.cancel();
      this.#windows.delete(id);
    }
  }

  #schedule(id: string, windowMs: number): void {
    const timer = this.#ports.clock.after(windowMs / BUCKETS, () => {
      const group = this.#groups.get(id);
      if (!group) return;
      this.#sweep(group);
      this.#schedule(id, windowMs);
    });
    this.#windows.set(id, { timer, windowMs });
  }

  #sweep(group: OutlierGroup): void {
    const nodes = [];
    for (const { key } of group.nodes) {
      const record = this.#records.get(key);
      if (!record) continue;
      record.sample(this.#ports.counts(record.slot));
      if (!record.ejection) nodes.push({ node: record, counts: record.recent() });
    }
    const suspects = [...failingNodes(nodes, group.plan.failureRatio), ...slackers(nodes, group.plan.successRate)];
    for (const { node, reason } of suspects) if (!node.ejection) this.#consider(node, reason);
  }

  /** Ejects the node, if that is not too many at once and not only a rehearsal. */
  #consider(record: OutlierRecord, reason: string): void {
    const { group } = record;
    const { plan } = group;
    if (plan.shadow) {
      record.forget();
      return this.#spare(record, 'shadow', reason);
    }
    const ejected = group.nodes.filter((node) => this.#records.get(node.key)?.ejection).length;
    if (ejected >= ejectionCap(group.nodes.length, plan)) {
      return this.#spare(record, 'capped', reason);
    }
    this.#eject(record, reason);
  }

  #spare(record: OutlierRecord, kind: 'shadow' | 'capped', reason: string): void {
    if (!record.isSpared(this.#ports.clock.now())) return;
    this.#ports.report({ kind, group: record.group.id, key: record.key, reason, forMs: 0 });
  }

  #eject(record: OutlierRecord, reason: string): void {
    const now = this.#ports.clock.now();
    const forMs = record.eject(reason, now, this.#ports.random.next());
    this.#ports.eject(record.group.id, record.slot, now + forMs);
    this.#ports.report({ kind: 'ejected', group: record.group.id, key: record.key, reason, forMs });
  }

  #reinstate(record: OutlierRecord, reason: string): void {
    record.reinstate(this.#ports.clock.now());
    this.#ports.reinstate(record.group.id, record.slot);
    this.#ports.report({ kind: 'reinstated', group: record.group.id, key: record.key, reason, forMs: 0 });
  }
}
