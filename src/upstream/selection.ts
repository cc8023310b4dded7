import type { Balancer, PickContext, Picker } from '../balancers/types.ts';
import type { Random } from '../core/random.ts';
import type { TableHandle } from './handle.ts';
import type { NodeTable } from './node-table.ts';
import type { PlannedSpread } from './plan.ts';
import { selectReady } from './ready-set.ts';

interface PickerPool {
  readonly key: string;
  readonly share: number;
  readonly picker: Picker;
}

/** What the pick over a set of nodes depends on besides the nodes. */
export interface SelectionSettings {
  readonly balancer: Balancer;
  /** Row of the upstream's version in the node table. */
  readonly slot: number;
  readonly spread: PlannedSpread;
  /** A pool is chosen by the hash, so that a key stays where it is. */
  readonly hashes: boolean;
  /** Nodes have limits to what they may have under way. */
  readonly limited: boolean;
}

/** Nodes that are looked at for one that is not at its limit: when so many are full, the next will be too. */
const MAX_LOOKS = 8;

/**
 * The pick over a set of nodes: pools by priority and zone, and a picker over each.
 *
 * The pickers are a function of (nodes, health, settings, previous pickers). They are built when first needed after any of
 * these changed: a change is a number in the node table, so looking is one load.
 */
export class Selection {
  readonly handles: readonly TableHandle[];
  readonly #settings: SelectionSettings;
  readonly #table: NodeTable;
  readonly #random: Random;
  #pools: readonly PickerPool[];
  #trials: readonly TableHandle[] = [];
  #version = -1;
  #reviewAt = 0;
  /** Makes left-over nodes take turns. */
  #leftOvers = 0;
  /** What is picked is not used: it must take nothing that only the end of a use gives back. */
  #isRehearsal = false;

  constructor(
    handles: readonly TableHandle[],
    settings: SelectionSettings,
    previous: Selection | null,
    table: NodeTable,
    random: Random,
  ) {
    this.handles = handles;
    this.#settings = settings;
    this.#table = table;
    this.#random = random;
    this.#pools = previous && previous.#settings.balancer.type === settings.balancer.type ? previous.#pools : [];
  }

  /** The node for the next use, not in `context.tried`; null when there is none or the nodes are at their limits. */
  pick(context: PickContext, headroom: number): TableHandle | null {
    const handle = this.#pickAny(context, headroom);
    if (handle === null || !this.#settings.limited || handle.hasRoom(headroom)) return handle;
    return this.#pickWithRoom(handle, context, headroom);
  }

  /** Whether it is the limits that leave no node: there would be one without them. */
  isFull(context: PickContext): boolean {
    return this.#settings.limited && this.rehearsal().#pickAny(context, Number.POSITIVE_INFINITY) !== null;
  }

  #pickWithRoom(full: TableHandle, context: PickContext, headroom: number): TableHandle | null {
    const { tried } = context;
    let handle: TableHandle | null = full;
    for (let look = 1; look < MAX_LOOKS && handle !== null && !handle.hasRoom(headroom); look++) {
      context.tried = [...context.tried, handle];
      handle = this.#pickAny(context, headroom);
    }
    context.tried = tried;
    return handle?.hasRoom(headroom) ? handle : null;
  }

  #pickAny(context: PickContext, headroom: number): TableHandle | null {
    if (this.#table.version(this.#settings.slot) !== this.#version || context.now >= this.#reviewAt) {
      this.#refresh(context.now);
    }
    if (this.#trials.length > 0 && context.tried.length === 0) {
      const trial = this.#takeTrial(context.now, headroom);
      if (trial !== null) return trial;
    }
    const pools = this.#pools;
    const pool = pools.length === 1 ? pools[0] : this.#choose(context);
    const handle = pool?.picker.pick(context) ?? this.#pickElsewhere(context);
    return handle as TableHandle | null;
  }

  /** A copy with pickers of its own in the same state: what is picked there moves no cursor here, and takes no trial. */
  rehearsal(): Selection {
    const copy = new Selection(this.handles, this.#settings, this, this.#table, this.#random);
    copy.#isRehearsal = true;
    return copy;
  }

  #refresh(now: number): void {
    const { slot, spread, balancer } = this.#settings;
    const version = this.#table.version(slot);
    const { pools, trials, ramps, reviewAt } = selectReady(this.handles, spread, this.#table, now);
    for (const handle of this.handles) handle.weight = handle.baseWeight * (ramps.get(handle) ?? 1);
    const before = this.#pools;
    this.#pools = pools.map(({ key, share, nodes }) => {
      const previous = before.find((pool) => pool.key === key) ?? before[0];
      return { key, share, picker: balancer.build(nodes, previous?.picker ?? null) };
    });
    this.#trials = trials;
    this.#version = version;
    this.#reviewAt = reviewAt;
  }

  /** A node that takes its trial now. The trial is taken only of one that will be used: nothing else would ever end it. */
  #takeTrial(now: number, headroom: number): TableHandle | null {
    const table = this.#table;
    for (const handle of this.#trials) {
      const { slot } = handle;
      if (!table.isEjected(slot) || (this.#settings.limited && !handle.hasRoom(headroom))) continue;
      if (this.#isRehearsal ? table.wouldProbe(slot, now) : table.takeProbe(slot, now)) return handle;
    }
    return null;
  }

  /** By hash, or at random: a share of the traffic that is small must not wait for a round that is often begun anew. */
  #choose(context: PickContext): PickerPool | undefined {
    const pools = this.#pools;
    let point = this.#settings.hashes ? (Math.imul(context.hash, 0x9e3779b1) >>> 0) / 4294967296 : this.#random.next();
    for (const pool of pools) {
      point -= pool.share;
      if (point < 0) return pool;
    }
    return pools[0];
  }

  /** A retry that has tried every node of its pool may still use another one: better than to give up. */
  #pickElsewhere(context: PickContext): TableHandle | null {
    if (context.tried.length === 0) return null;
    for (const { picker } of this.#pools) {
      const handle = picker.pick(context);
      if (handle !== null) return handle as TableHandle;
    }
    const untried = this.handles.filter((handle) => !context.tried.includes(handle));
    const { pools } = selectReady(untried, this.#settings.spread, this.#table, context.now);
    const nodes = pools[0]?.nodes ?? [];
    return nodes[this.#leftOvers++ % nodes.length] ?? null;
  }
}
