import { OUTCOMES, type Outcome } from '../balancers/types.ts';

/**
 * The node table: what every thread knows of every node, as numbers in shared memory.
 *
 * The control thread assigns slots, one per identity (upstream id + host:port). Each cell has a named writer, so no cell
 * needs a lock: health belongs to the control thread, and each worker has its own share of the in-flight counts, whose sum
 * is what is under way; a dead worker's share is taken back.
 */

/** More than ten times the largest fleet in the design; untouched slots cost no memory. */
export const NODE_CAPACITY = 131_072;
export const UPSTREAM_CAPACITY = 16_384;

/** 32-bit cells of a node; two cache lines, so that nodes do not share one. */
const CELLS = 32;
const HEALTH = 0;
const LATENCY = 1;
/** Failures of each kind since the last success: `STREAK + outcome`. */
const STREAK = 4;
const EJECTION = 10;
const PROBING = 11;
/** 64-bit cells, in the second half of a node: 32 bits of milliseconds would run over after 24 days. */
const DOUBLES = CELLS / 2;
const DEMOTED_UNTIL = 8;
const FAILED_AT = 9;
const EJECTED_UNTIL = 10;
const RAMP_BEGAN = 11;
const PEAK = 12;
const PEAK_AT = 13;
const LIMIT = 14;
const PROBED_AT = 15;

/** Time constant of the smoothed latency: a sample weighs 1/8, as in TCP's SRTT (RFC 6298 §2). */
const LATENCY_SHIFT = 3;
/** How long a node that refused a connection takes no new traffic while others can. */
export const DEMOTION_MS = 1000;
/** A trial of an ejected node that has not ended by then is given out again: it may be a stream that goes on for hours. */
export const TRIAL_MS = 30_000;

/** `pending`: gated, and no check has succeeded yet. */
export const Health = { unknown: 0, healthy: 1, unhealthy: 2, pending: 3 } as const;
export type Health = (typeof Health)[keyof typeof Health];
export const HEALTH_NAMES = ['unknown', 'healthy', 'unhealthy', 'pending'] as const;

/** The memory behind the table; sent to each worker as it stands. */
export interface NodeTableMemory {
  readonly nodes: SharedArrayBuffer;
  /** One version per upstream: it grows whenever the ready set may have changed. */
  readonly versions: SharedArrayBuffer;
  /** In-flight share of each worker: `shares[worker]`. */
  readonly shares: readonly SharedArrayBuffer[];
  /** Monotonic milliseconds that the table's own times count from. */
  readonly epoch: number;
}

export function allocateNodeTable(workers: number, now: number): NodeTableMemory {
  return {
    nodes: new SharedArrayBuffer(NODE_CAPACITY * CELLS * 4),
    versions: new SharedArrayBuffer(UPSTREAM_CAPACITY * 4),
    shares: Array.from({ length: workers }, () => new SharedArrayBuffer(NODE_CAPACITY * 4)),
    epoch: now,
  };
}

export class NodeTable {
  readonly #cells: Int32Array;
  readonly #doubles: Float64Array;
  readonly #versions: Int32Array;
  readonly #shares: readonly Int32Array[];
  readonly #own: Int32Array;
  /** What this view writes into the cell of a trial that it holds; 0 there means that nobody does. */
  readonly #holder: number;
  readonly #epoch: number;

  /** `worker` is the index of the worker that writes through this view; null in the control thread. */
  constructor(memory: NodeTableMemory, worker: number | null) {
    this.#cells = new Int32Array(memory.nodes);
    this.#doubles = new Float64Array(memory.nodes);
    this.#versions = new Int32Array(memory.versions);
    this.#shares = memory.shares.map((share) => new Int32Array(share));
    const own = worker === null ? undefined : this.#shares[worker];
    this.#own = own ?? new Int32Array(0);
    this.#holder = holderOf(worker);
    this.#epoch = memory.epoch;
  }

  health(slot: number): Health {
    return Atomics.load(this.#cells, slot * CELLS + HEALTH) as Health;
  }

  setHealth(slot: number, health: Health): void {
    Atomics.store(this.#cells, slot * CELLS + HEALTH, health);
  }

  /** The sum of the workers' shares: each has one writer, so nothing is lost when a worker dies in the middle of a change. */
  inflight(slot: number): number {
    const shares = this.#shares;
    let total = 0;
    for (let worker = 0; worker < shares.length; worker++) total += shares[worker]![slot]!;
    return total;
  }

  begin(slot: number): void {
    this.#own[slot]! += 1;
  }

  end(slot: number): void {
    this.#own[slot]! -= 1;
  }

  /** What this worker has under way on the slot. */
  ownInflight(slot: number): number {
    return this.#own[slot]!;
  }

  /** Smoothed latency in microseconds. */
  latency(slot: number): number {
    return this.#cells[slot * CELLS + LATENCY]!;
  }

  /** Two workers may write at once: one sample is then lost, which a smoothed value can bear. */
  observeLatency(slot: number, micros: number): void {
    const cell = slot * CELLS + LATENCY;
    const previous = this.#cells[cell]!;
    const next = previous === 0 ? micros : previous + (micros - previous) / (1 << LATENCY_SHIFT);
    this.#cells[cell] = Math.min(0x7fffffff, Math.max(1, Math.round(next)));
  }

  /** Peak-EWMA of the latency in microseconds, as it was at `peakAt`; 0 when nothing was measured. */
  peak(slot: number): number {
    return this.#doubles[slot * DOUBLES + PEAK]!;
  }

  /** Monotonic milliseconds, counted from the table's epoch, of the last change of `peak`. */
  peakAt(slot: number): number {
    return this.#doubles[slot * DOUBLES + PEAK_AT]! + this.#epoch;
  }

  /** Two workers may write at once: one sample is then lost, which an estimate that decays can bear. */
  setPeak(slot: number, micros: number, now: number): void {
    this.#doubles[slot * DOUBLES + PEAK] = micros;
    this.#doubles[slot * DOUBLES + PEAK_AT] = now - this.#epoch;
  }

  /** Uses that ended with `outcome` since the last success. */
  streak(slot: number, outcome: Outcome): number {
    return this.#cells[slot * CELLS + STREAK + outcome]!;
  }

  /** Adds to the streak of a failing outcome, and returns its length. */
  extendStreak(slot: number, outcome: Outcome): number {
    return Atomics.add(this.#cells, slot * CELLS + STREAK + outcome, 1) + 1;
  }

  /** A success, or the node's return, ends all streaks. Looks before it writes: the line stays shared while all is well. */
  endStreaks(slot: number): void {
    const first = slot * CELLS + STREAK;
    for (let outcome = 0; outcome < OUTCOMES.length; outcome++) {
      if (this.#cells[first + outcome] !== 0) this.#cells[first + outcome] = 0;
    }
  }

  /** Control thread: the node takes no traffic until `until`; after that one use may try it. */
  eject(slot: number, until: number): void {
    this.#doubles[slot * DOUBLES + EJECTED_UNTIL] = until - this.#epoch;
    this.#freeProbe(slot);
    Atomics.store(this.#cells, slot * CELLS + EJECTION, 1);
  }

  /** Control thread: the node takes traffic like any other. */
  reinstate(slot: number): void {
    this.endStreaks(slot);
    Atomics.store(this.#cells, slot * CELLS + EJECTION, 0);
  }

  isEjected(slot: number): boolean {
    return Atomics.load(this.#cells, slot * CELLS + EJECTION) === 1;
  }

  /** Monotonic milliseconds at which an ejected node may be tried. */
  ejectedUntil(slot: number): number {
    return this.#doubles[slot * DOUBLES + EJECTED_UNTIL]! + this.#epoch;
  }

  /** One caller, over all workers, gets the single use that may try an ejected node; the next one after `TRIAL_MS`. */
  takeProbe(slot: number, now: number): boolean {
    const cell = slot * CELLS + PROBING;
    const holder = Atomics.load(this.#cells, cell);
    if (!this.#isFree(slot, holder, now)) return false;
    if (Atomics.compareExchange(this.#cells, cell, holder, this.#holder) !== holder) return false;
    this.#doubles[slot * DOUBLES + PROBED_AT] = now - this.#epoch;
    return true;
  }

  /** Whether `takeProbe` would succeed; takes nothing. */
  wouldProbe(slot: number, now: number): boolean {
    return this.#isFree(slot, Atomics.load(this.#cells, slot * CELLS + PROBING), now);
  }

  /** The use that tried the node said nothing about it: the next one may. */
  returnProbe(slot: number): void {
    if (this.holdsProbe(slot)) this.#freeProbe(slot);
  }

  /** Whether the use that tries the node is one of this worker. */
  holdsProbe(slot: number): boolean {
    return Atomics.load(this.#cells, slot * CELLS + PROBING) === this.#holder;
  }

  #isFree(slot: number, holder: number, now: number): boolean {
    return holder === 0 || now >= this.#doubles[slot * DOUBLES + PROBED_AT]! + this.#epoch + TRIAL_MS;
  }

  /** The time goes first: whoever takes the trial next and has not noted when is not taken for one who holds it too long. */
  #freeProbe(slot: number): void {
    this.#doubles[slot * DOUBLES + PROBED_AT] = Number.POSITIVE_INFINITY;
    Atomics.store(this.#cells, slot * CELLS + PROBING, 0);
  }

  /** Control thread: how much the node may have under way at once; 0 for any number. */
  setLimit(slot: number, limit: number): void {
    this.#doubles[slot * DOUBLES + LIMIT] = limit;
  }

  limit(slot: number): number {
    return this.#doubles[slot * DOUBLES + LIMIT]!;
  }

  /** Control thread: the node's slow start begins at `now`. */
  beginRamp(slot: number, now: number): void {
    this.#doubles[slot * DOUBLES + RAMP_BEGAN] = now - this.#epoch;
  }

  /** Monotonic milliseconds at which the node's slow start began; -Infinity when it never had one. */
  rampBegan(slot: number): number {
    const at = this.#doubles[slot * DOUBLES + RAMP_BEGAN]!;
    return at === 0 ? Number.NEGATIVE_INFINITY : at + this.#epoch;
  }

  /** Takes the node out of the ready set for a while; never shortens what is set. `now`: monotonic milliseconds. */
  demote(slot: number, now: number, forMs: number): void {
    const until = now - this.#epoch + forMs;
    const cell = slot * DOUBLES + DEMOTED_UNTIL;
    if (until > this.#doubles[cell]!) this.#doubles[cell] = until;
  }

  /** A connection to the node failed at `now`. */
  connectFailed(slot: number, now: number): void {
    this.#doubles[slot * DOUBLES + FAILED_AT] = now - this.#epoch;
    this.demote(slot, now, DEMOTION_MS);
  }

  /** Monotonic milliseconds until which the node is demoted; in the past, or 0, when it is not. */
  demotedUntil(slot: number): number {
    const at = this.#doubles[slot * DOUBLES + DEMOTED_UNTIL]!;
    return at === 0 ? 0 : at + this.#epoch;
  }

  /** Monotonic milliseconds of the last connection failure; 0 when there was none. */
  failedAt(slot: number): number {
    const at = this.#doubles[slot * DOUBLES + FAILED_AT]!;
    return at === 0 ? 0 : at + this.#epoch;
  }

  /** Ordered: whoever sees a new version sees what was written before the bump. */
  version(upstreamSlot: number): number {
    return Atomics.load(this.#versions, upstreamSlot);
  }

  /** Tells every worker that the ready set of an upstream may have changed. */
  bump(upstreamSlot: number): void {
    Atomics.add(this.#versions, upstreamSlot, 1);
  }

  /** Control thread: makes a slot blank for a new identity. */
  clear(slot: number): void {
    this.#cells.fill(0, slot * CELLS, (slot + 1) * CELLS);
    for (const share of this.#shares) share[slot] = 0;
  }

  /** Control thread: takes back what a dead worker had counted in, and the trials that it held. Returns how many uses that were. */
  reclaim(worker: number, slots: Iterable<number>): number {
    const share = this.#shares[worker];
    if (!share) return 0;
    let reclaimed = 0;
    for (const slot of slots) {
      if (Atomics.load(this.#cells, slot * CELLS + PROBING) === holderOf(worker)) this.#freeProbe(slot);
      const count = share[slot]!;
      if (count === 0) continue;
      share[slot] = 0;
      reclaimed += count;
    }
    return reclaimed;
  }
}

function holderOf(worker: number | null): number {
  return worker === null ? -1 : worker + 1;
}
