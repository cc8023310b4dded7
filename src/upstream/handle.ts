import { type NodeHandle, Outcome } from '../balancers/types.ts';
import type { Node } from '../discovery/types.ts';
import type { CounterBlock } from '../telemetry/counter-table.ts';
import { NodeField } from '../telemetry/counters.ts';
import type { NodeTable } from './node-table.ts';
import { decayedPeak, failurePenalty, nextPeak } from './peak-latency.ts';
import type { PlannedNode, PlannedUpstream } from './plan.ts';
import { weightInForce } from './ready-set.ts';

/** What a handle needs of its upstream's settings. */
export type HandleSettings = Pick<PlannedUpstream, 'balancer' | 'passive' | 'limited'>;

/** Something about the node that the control thread decides on: a run of failures, or how a trial of an ejected node went. */
export type NodeAlarm = 'streak' | 'recovered' | 'relapsed';

export interface HandlePorts {
  readonly table: NodeTable;
  readonly counters: CounterBlock;
  alarm(slot: number, alarm: NodeAlarm): void;
}

/** A worker's face of one slot of the node table. Lives as long as the slot is the node's, over all snapshots. */
export class TableHandle implements NodeHandle {
  readonly slot: number;
  node: Node;
  /** Weight in force without slow start: 0 takes no new traffic. */
  baseWeight = 0;
  weight = 0;
  /** Sessions that are bound to the node may still begin something new on it. */
  acceptsBound = true;
  /** An operator lets it run empty. */
  isDraining = false;
  readonly #ports: HandlePorts;
  readonly #table: NodeTable;
  #passive: PlannedUpstream['passive'];
  /** Answers are counted for limits that adapt to them. */
  #limited = false;
  /** Time constant of the peak-EWMA in milliseconds; 0 when nobody reads it. */
  #decayMs = 0;

  constructor(planned: PlannedNode, settings: HandleSettings, ports: HandlePorts) {
    this.slot = planned.slot;
    this.node = planned.node;
    this.#ports = ports;
    this.#table = ports.table;
    this.#passive = settings.passive;
    this.describe(planned, settings);
  }

  /** A later description of the same identity: weight, tags and metadata may differ, and so may the upstream's settings. */
  describe(planned: PlannedNode, { balancer, passive, limited }: HandleSettings): void {
    this.node = planned.node;
    this.baseWeight = weightInForce(planned);
    this.weight = this.baseWeight;
    this.acceptsBound = planned.override?.state !== 'disable';
    this.isDraining = planned.override?.state === 'drain';
    this.#passive = passive;
    this.#limited = limited;
    this.#decayMs = balancer.type === 'ewma' ? balancer.decayMs : 0;
  }

  inflight(): number {
    return this.#table.inflight(this.slot);
  }

  ownInflight(): number {
    return this.#table.ownInflight(this.slot);
  }

  peakLatency(now: number): number {
    return decayedPeak(this.#table, this.slot, now, this.#decayMs);
  }

  /** Whether the node may take one more; `headroom`: part of its limit that may be used. */
  hasRoom(headroom: number): boolean {
    const limit = this.#table.limit(this.slot);
    return limit === 0 || this.#table.inflight(this.slot) < limit * headroom;
  }

  begin(): void {
    this.#table.begin(this.slot);
  }

  answered(micros: number, now: number): void {
    const { slot } = this;
    this.#table.observeLatency(slot, micros);
    if (this.#decayMs > 0) this.#table.setPeak(slot, nextPeak(this.#table, slot, micros, now, this.#decayMs), now);
    if (this.#limited) {
      this.#ports.counters.add(slot, NodeField.answers, 1);
      this.#ports.counters.add(slot, NodeField.answerMicros, micros);
    }
    const { slowMicros } = this.#passive;
    if (slowMicros > 0 && micros >= slowMicros) this.#ports.counters.add(slot, NodeField.slow, 1);
  }

  end(outcome: Outcome, now: number): void {
    const { slot } = this;
    this.#ports.counters.add(slot, NodeField.outcome + outcome, 1);
    this.#table.end(slot);
    if (outcome === Outcome.success) this.#succeeded();
    else if (outcome === Outcome.aborted) this.#endTrial(null);
    else this.#failed(outcome, now);
  }

  /** What was begun may go on for hours, and went well so far: a trial need not wait for its end. */
  established(): void {
    this.#endTrial('recovered');
  }

  /** Counts a new connection to the node. */
  connected(): void {
    this.#ports.counters.add(this.slot, NodeField.connects, 1);
  }

  transferred(sent: number, received: number): void {
    this.#ports.counters.add(this.slot, NodeField.sentBytes, sent);
    this.#ports.counters.add(this.slot, NodeField.receivedBytes, received);
  }

  #succeeded(): void {
    this.#table.endStreaks(this.slot);
    this.#endTrial('recovered');
  }

  #failed(outcome: Outcome, now: number): void {
    const { slot } = this;
    if (this.#decayMs > 0) this.#table.setPeak(slot, failurePenalty(this.#table, slot), now);
    const streak = this.#table.extendStreak(slot, outcome);
    const limit = this.#passive.streaks[outcome] ?? 0;
    // Again at each multiple: the first may have come while too many other nodes were ejected.
    if (limit > 0 && streak % limit === 0) this.#ports.alarm(slot, 'streak');
    this.#endTrial('relapsed');
  }

  /** Tells how the single use of an ejected node ended; null when that says nothing. */
  #endTrial(result: 'recovered' | 'relapsed' | null): void {
    const { slot } = this;
    if (!this.#table.isEjected(slot) || !this.#table.holdsProbe(slot)) return;
    if (result === null) this.#table.returnProbe(slot);
    else this.#ports.alarm(slot, result);
  }
}
