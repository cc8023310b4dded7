import type { Balancer, PickContext } from '../balancers/types.ts';
import type { Random } from '../core/random.ts';
import { Bindings } from './bindings.ts';
import type { BreakerCells } from './breaker-cells.ts';
import type { TableHandle } from './handle.ts';
import type { NodeTable } from './node-table.ts';
import type { PlannedSubset, PlannedUpstream } from './plan.ts';
import { acceptsBound } from './ready-set.ts';
import { Selection, type SelectionSettings } from './selection.ts';

/** Subsets of one upstream whose cursors outlive a change of nodes although nobody asks for them meanwhile. */
const SUBSETS_REMEMBERED = 100;

/** What an upstream is made with, besides its plan and its nodes. */
export interface UpstreamTools {
  readonly balancer: Balancer;
  readonly table: NodeTable;
  readonly random: Random;
  readonly breakers: BreakerCells;
}

/** An upstream as a worker uses it: its settings, its nodes, and the picks over all of them or over subsets. */
export class Upstream {
  readonly plan: PlannedUpstream;
  readonly handles: readonly TableHandle[];
  readonly #table: NodeTable;
  readonly #random: Random;
  readonly #breakers: BreakerCells;
  readonly #settings: SelectionSettings;
  readonly #whole: Selection;
  readonly #bindings: Bindings | null;
  /** By key; built when a route first asks for one. */
  readonly #subsets = new Map<string, Selection>();
  /** Of earlier versions, by key: where the next pick over a subset goes on. The longest unused first. */
  readonly #earlier: Map<string, Selection>;

  constructor(plan: PlannedUpstream, handles: readonly TableHandle[], before: Upstream | null, tools: UpstreamTools) {
    this.plan = plan;
    this.handles = handles;
    this.#table = tools.table;
    this.#random = tools.random;
    this.#breakers = tools.breakers;
    const { slot, spread } = plan;
    this.#settings = { balancer: tools.balancer, slot, spread, hashes: plan.hash !== null, limited: plan.limited };
    this.#bindings = plan.sticky === null ? null : new Bindings(plan, plan.sticky.secret, handles);
    this.#whole = this.#select(handles, before === null ? null : before.#whole);
    this.#earlier = new Map(before === null ? [] : [...before.#earlier, ...before.#subsets].slice(-SUBSETS_REMEMBERED));
  }

  /**
   * The node for the next use, not in `context.tried`; null when there is none, or when those looked at are at their limits.
   * `headroom`: part of a limit that this use may take.
   */
  pick(context: PickContext, subset: PlannedSubset | null, headroom = 1): TableHandle | null {
    return (subset === null ? this.#whole : this.selection(subset)).pick(context, headroom);
  }

  /** False while the circuit breaker is open. Each `true` of a half-open breaker uses up a trial. */
  admits(): boolean {
    return this.plan.breaker === null || this.#breakers.admits(this.plan.slot);
  }

  /** The same, without using anything up. */
  wouldAdmit(): boolean {
    return this.plan.breaker === null || this.#breakers.wouldAdmit(this.plan.slot);
  }

  /** The node that a client is bound to by this token, if it is one of the subset and may go on with it. */
  bound(token: string, subset: PlannedSubset | null, now: number): TableHandle | null {
    const handle = this.#bindings?.find(token) ?? null;
    if (handle === null || !acceptsBound(handle, this.#table, now)) return null;
    return subset === null || this.selection(subset).handles.includes(handle) ? handle : null;
  }

  /** What binds a client to the node; empty when nothing does. */
  tokenOf(handle: TableHandle): string {
    return this.#bindings?.tokenOf(handle) ?? '';
  }

  /** The nodes that a route with this subset uses, and the state of their pick. */
  selection(subset: PlannedSubset | null): Selection {
    if (subset === null) return this.#whole;
    const known = this.#subsets.get(subset.key);
    if (known) return known;
    const members = this.handles.filter((handle) => isMember(handle, subset));
    const handles = members.length === 0 && subset.fallback === 'any' ? this.handles : members;
    const selection = this.#select(handles, this.#earlier.get(subset.key) ?? null);
    this.#earlier.delete(subset.key);
    this.#subsets.set(subset.key, selection);
    return selection;
  }

  /** A connection to the node failed: every worker leaves it alone for a second, from its next pick on. */
  connectFailed(handle: TableHandle, now: number): void {
    const known = this.#table.demotedUntil(handle.slot) > now;
    this.#table.connectFailed(handle.slot, now);
    // Of many connections that fail at once only the first changes the ready set.
    if (!known) this.#table.bump(this.plan.slot);
  }

  /** The node asked to be left alone for a while, as with `Retry-After`. */
  setAside(handle: TableHandle, now: number, forMs: number): void {
    this.#table.demote(handle.slot, now, forMs);
    this.#table.bump(this.plan.slot);
  }

  #select(handles: readonly TableHandle[], previous: Selection | null): Selection {
    return new Selection(handles, this.#settings, previous, this.#table, this.#random);
  }
}

function isMember({ node }: TableHandle, { labels }: PlannedSubset): boolean {
  return Object.entries(labels).every(([name, value]) => node.metadata[name] === value);
}
