import type { Balancer, NodeHandle, PickContext, Picker } from '../balancers/types.ts';
import type { Clock } from '../core/clock.ts';
import type { TableHandle } from './handle.ts';
import type { NodeTable } from './node-table.ts';
import type { PlannedUpstream } from './plan.ts';
import { selectReady } from './ready-set.ts';

/**
 * An upstream as a worker uses it: its settings, its nodes, and the picker over those that are ready.
 *
 * The picker is a function of (nodes, health, configuration, previous picker). It is built when it is first needed after
 * any of these changed: a change is a number in the node table, so looking is one load.
 */
export class Upstream {
  readonly plan: PlannedUpstream;
  readonly handles: readonly TableHandle[];
  readonly #table: NodeTable;
  readonly #clock: Clock;
  readonly #balancer: Balancer;
  #picker: Picker | null;
  #version = -1;
  #reviewAt = 0;
  /** Makes left-over nodes take turns. */
  #leftOvers = 0;

  constructor(
    plan: PlannedUpstream,
    handles: readonly TableHandle[],
    balancer: Balancer,
    previous: Upstream | null,
    table: NodeTable,
    clock: Clock,
  ) {
    this.plan = plan;
    this.handles = handles;
    this.#balancer = balancer;
    this.#table = table;
    this.#clock = clock;
    this.#picker = previous && previous.plan.type === plan.type ? previous.#picker : null;
  }

  /** The node for the next use, not in `context.tried`; null when there is none. */
  pick(context: PickContext): TableHandle | null {
    if (this.#table.version(this.plan.slot) !== this.#version || this.#reviewAt !== Number.POSITIVE_INFINITY) {
      this.#refresh();
    }
    const handle = this.#picker?.pick(context) ?? this.#pickLeftOver(context);
    return handle as TableHandle | null;
  }

  /** A connection to the node failed: every worker leaves it alone for a second, from its next pick on. */
  connectFailed(handle: TableHandle): void {
    const now = this.#clock.now();
    const known = this.#table.demotedUntil(handle.slot) > now;
    this.#table.demote(handle.slot, now);
    // Of many connections that fail at once only the first changes the ready set.
    if (!known) this.#table.bump(this.plan.slot);
  }

  #refresh(): void {
    const version = this.#table.version(this.plan.slot);
    const now = this.#clock.now();
    if (version === this.#version && now < this.#reviewAt) return;
    const selection = selectReady(this.handles, this.#table, now);
    this.#picker = this.#balancer.build(selection.ready, this.#picker);
    this.#version = version;
    this.#reviewAt = selection.reviewAt;
  }

  /** A retry that has tried every ready node may still use one that is not: better than to give up. */
  #pickLeftOver(context: PickContext): NodeHandle | null {
    if (context.tried.length === 0) return null;
    const untried = this.handles.filter((handle) => !context.tried.includes(handle));
    const { ready } = selectReady(untried, this.#table, this.#clock.now());
    return ready[this.#leftOvers++ % ready.length] ?? null;
  }
}
