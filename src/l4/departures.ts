import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { Snapshot, SnapshotSource } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** How often the health of nodes that carry long uses is looked at. */
const LOOK_MS = 1000;

/** A connection that stays with its node: a stream, a tunnel. */
export interface LongUse {
  /** Ends it now, whatever it is doing. */
  cut(cause: string): void;
}

interface NodeUses {
  readonly uses: Set<LongUse>;
  /** Runs while the node is gone. */
  readonly timer: WheelTimer;
  gone: boolean;
}

interface Group {
  /** As it is now; as it was last when it is not there any more. */
  upstream: Upstream;
  /** Its nodes now. */
  handles: readonly TableHandle[];
  readonly nodes: Map<TableHandle, NodeUses>;
}

/**
 * Ends the connections to nodes that have left their upstream, were disabled by an operator, or have turned unhealthy, as the
 * upstream asks for: at once, or when a time is over and the node has not come back. While no node that takes new traffic is
 * healthy, health ends nothing: the checks may be what is wrong, and there is no better place to go.
 */
export class Departures {
  readonly #wheel: TimerWheel;
  readonly #snapshots: SnapshotSource;
  readonly #isUnhealthy: (handle: TableHandle) => boolean;
  readonly #groups = new Map<string, Group>();
  readonly #look: WheelTimer;

  constructor(wheel: TimerWheel, snapshots: SnapshotSource, isUnhealthy: (handle: TableHandle) => boolean) {
    this.#wheel = wheel;
    this.#snapshots = snapshots;
    this.#isUnhealthy = isUnhealthy;
    this.#look = new WheelTimer(() => this.#lookAtHealth());
    snapshots.onReplaced((snapshot) => this.#replaced(snapshot));
  }

  /** `use` is on the node from now on. */
  add(upstream: Upstream, handle: TableHandle, use: LongUse): void {
    const group = this.#group(upstream);
    const known = group.nodes.get(handle);
    if (known) return void known.uses.add(use);
    const uses = new Set([use]);
    group.nodes.set(handle, { uses, timer: new WheelTimer(() => cutAll(uses)), gone: false });
    this.#lookSoon(group);
  }

  #group(upstream: Upstream): Group {
    const { id } = upstream.plan;
    const known = this.#groups.get(id);
    if (known) return known;
    // The one that was picked from may have been replaced since.
    const current = this.#snapshots.current.upstreams.get(id);
    const group: Group = { upstream: current ?? upstream, handles: current?.handles ?? [], nodes: new Map() };
    this.#groups.set(id, group);
    return group;
  }

  /** It has ended. */
  remove(upstreamId: string, handle: TableHandle, use: LongUse): void {
    const group = this.#groups.get(upstreamId);
    const node = group?.nodes.get(handle);
    if (!group || !node?.uses.delete(use) || node.uses.size > 0) return;
    this.#wheel.remove(node.timer);
    group.nodes.delete(handle);
    if (group.nodes.size === 0) this.#groups.delete(upstreamId);
    if (this.#groups.size === 0) this.#wheel.remove(this.#look);
  }

  #replaced(snapshot: Snapshot): void {
    for (const [id, group] of [...this.#groups]) {
      const next = snapshot.upstreams.get(id);
      if (next === group.upstream) continue;
      group.upstream = next ?? group.upstream;
      group.handles = next?.handles ?? [];
      this.#settle(group);
      this.#lookSoon(group);
    }
  }

  #lookAtHealth(): void {
    for (const group of [...this.#groups.values()]) {
      if (closeAfterOf(group) === null) continue;
      this.#settle(group);
      this.#lookSoon(group);
    }
  }

  #lookSoon(group: Group): void {
    if (closeAfterOf(group) !== null && this.#look.due === 0) this.#wheel.arm(this.#look, LOOK_MS);
  }

  #settle(group: Group): void {
    const closeAfter = closeAfterOf(group);
    const members = new Set(group.handles);
    const healthMatters = group.handles.some((handle) => handle.baseWeight > 0 && !this.#isUnhealthy(handle));
    for (const [handle, node] of [...group.nodes]) {
      const isOut = !members.has(handle) || !handle.acceptsBound;
      const gone = isOut || (healthMatters && this.#isUnhealthy(handle));
      if (closeAfter === null || !gone) {
        node.gone = false;
        this.#wheel.disarm(node.timer);
      } else if (!node.gone && closeAfter > 0) {
        node.gone = true;
        this.#wheel.arm(node.timer, closeAfter);
      } else if (node.timer.due === 0) {
        cutAll(node.uses);
      }
    }
  }
}

function closeAfterOf(group: Group): number | null {
  return group.upstream.plan.stream?.closeAfter ?? null;
}

function cutAll(uses: ReadonlySet<LongUse>): void {
  for (const use of [...uses]) use.cut('NODE_GONE');
}
