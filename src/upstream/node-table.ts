/**
 * The node table: what every thread knows of every node, as numbers in shared memory.
 *
 * The control thread assigns slots, one per identity (upstream id + host:port). Each cell has a named writer, so no cell
 * needs a lock: health belongs to the control thread, in-flight counts are added to by all with atomics.
 * A worker also keeps its own share of the in-flight count, so that a dead worker's share can be taken back.
 */

/** More than ten times the largest fleet in the design; untouched slots cost no memory. */
export const NODE_CAPACITY = 131_072;
export const UPSTREAM_CAPACITY = 16_384;

const CELLS = 8;
const HEALTH = 0;
const INFLIGHT = 1;
const LATENCY = 2;
/** Times are 64-bit, in the second half of a slot: 32 bits of milliseconds would run over after 24 days. */
const TIMES = CELLS / 2;
const DEMOTED_UNTIL = 2;
const FAILED_AT = 3;

/** Time constant of the smoothed latency: a sample weighs 1/8, as in TCP's SRTT (RFC 6298 §2). */
const LATENCY_SHIFT = 3;
/** How long a node that refused a connection takes no new traffic while others can. */
export const DEMOTION_MS = 1000;

export const Health = { unknown: 0, healthy: 1, unhealthy: 2 } as const;
export type Health = (typeof Health)[keyof typeof Health];
export const HEALTH_NAMES = ['unknown', 'healthy', 'unhealthy'] as const;

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
  readonly #times: Float64Array;
  readonly #versions: Int32Array;
  readonly #shares: readonly Int32Array[];
  readonly #own: Int32Array;
  readonly #epoch: number;

  /** `worker` is the index of the worker that writes through this view; null in the control thread. */
  constructor(memory: NodeTableMemory, worker: number | null) {
    this.#cells = new Int32Array(memory.nodes);
    this.#times = new Float64Array(memory.nodes);
    this.#versions = new Int32Array(memory.versions);
    this.#shares = memory.shares.map((share) => new Int32Array(share));
    const own = worker === null ? undefined : this.#shares[worker];
    this.#own = own ?? new Int32Array(0);
    this.#epoch = memory.epoch;
  }

  health(slot: number): Health {
    return Atomics.load(this.#cells, slot * CELLS + HEALTH) as Health;
  }

  setHealth(slot: number, health: Health): void {
    Atomics.store(this.#cells, slot * CELLS + HEALTH, health);
  }

  inflight(slot: number): number {
    return this.#cells[slot * CELLS + INFLIGHT]!;
  }

  begin(slot: number): void {
    this.#own[slot]! += 1;
    Atomics.add(this.#cells, slot * CELLS + INFLIGHT, 1);
  }

  end(slot: number): void {
    this.#own[slot]! -= 1;
    Atomics.sub(this.#cells, slot * CELLS + INFLIGHT, 1);
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

  /** Takes the node out of the ready set for a second. `now`: monotonic milliseconds. */
  demote(slot: number, now: number): void {
    const at = now - this.#epoch;
    this.#times[slot * TIMES + FAILED_AT] = at;
    this.#times[slot * TIMES + DEMOTED_UNTIL] = at + DEMOTION_MS;
  }

  /** Monotonic milliseconds until which the node is demoted; in the past, or 0, when it is not. */
  demotedUntil(slot: number): number {
    const at = this.#times[slot * TIMES + DEMOTED_UNTIL]!;
    return at === 0 ? 0 : at + this.#epoch;
  }

  /** Monotonic milliseconds of the last connection failure; 0 when there was none. */
  failedAt(slot: number): number {
    const at = this.#times[slot * TIMES + FAILED_AT]!;
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

  /** Control thread: takes back what a dead worker had counted in. Returns how many uses that were. */
  reclaim(worker: number, slots: Iterable<number>): number {
    const share = this.#shares[worker];
    if (!share) return 0;
    let reclaimed = 0;
    for (const slot of slots) {
      const count = share[slot]!;
      if (count === 0) continue;
      share[slot] = 0;
      Atomics.sub(this.#cells, slot * CELLS + INFLIGHT, count);
      reclaimed += count;
    }
    return reclaimed;
  }
}
