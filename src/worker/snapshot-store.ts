import { createBalancer } from '../balancers/registry.ts';
import { applyEdits } from '../core/list-edits.ts';
import type { Random } from '../core/random.ts';
import type { BreakerCells } from '../upstream/breaker-cells.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { NodeTable } from '../upstream/node-table.ts';
import type { NodeChange, PlannedUpstream, PlanPatch } from '../upstream/plan.ts';
import { Snapshot, type SnapshotSource } from '../upstream/snapshot.ts';
import { Upstream } from '../upstream/upstream.ts';
import type { NodeDirectory } from './node-directory.ts';

/** Turns patches of the plan into snapshots, and knows which snapshots are still in use. */
export class SnapshotStore implements SnapshotSource {
  current: Snapshot = new Snapshot(0, [], [], new Map());
  readonly #directory: NodeDirectory;
  readonly #table: NodeTable;
  readonly #random: Random;
  readonly #breakers: BreakerCells;
  /** Replaced, but some request still routes by them; oldest first. */
  readonly #retired = new Set<Snapshot>();
  readonly #listeners: ((snapshot: Snapshot) => void)[] = [];

  constructor(directory: NodeDirectory, table: NodeTable, random: Random, breakers: BreakerCells) {
    this.#directory = directory;
    this.#table = table;
    this.#random = random;
    this.#breakers = breakers;
  }

  onReplaced(listener: (snapshot: Snapshot) => void): void {
    this.#listeners.push(listener);
  }

  release(snapshot: Snapshot): void {
    snapshot.users -= 1;
    if (snapshot.users === 0 && snapshot !== this.current) this.#retired.delete(snapshot);
  }

  /** Version of the oldest snapshot that a request may still pick from. */
  get oldestInUse(): number {
    for (const snapshot of this.#retired) return snapshot.version;
    return this.current.version;
  }

  /** Builds the next snapshot from the current one and the patch, and replaces the current one by it. */
  apply(patch: PlanPatch): void {
    const previous = this.current;
    const upstreams = new Map(previous.upstreams);
    const departed = new Set<TableHandle>();
    for (const id of patch.removedUpstreams) {
      for (const handle of upstreams.get(id)?.handles ?? []) departed.add(handle);
      upstreams.delete(id);
    }
    for (const plan of patch.upstreams) {
      const old = upstreams.get(plan.id) ?? null;
      const next = this.#build(plan, old);
      for (const handle of old?.handles ?? []) departed.add(handle);
      upstreams.set(plan.id, next);
    }
    for (const plan of patch.upstreams) {
      for (const handle of upstreams.get(plan.id)?.handles ?? []) departed.delete(handle);
    }
    for (const change of patch.nodeChanges) upstreams.set(change.id, this.#edit(change, upstreams, departed));
    for (const handle of departed) this.#directory.leave(handle, patch.version);
    this.#replace(
      new Snapshot(
        patch.version,
        patch.routes ?? previous.routes,
        patch.streamRoutes ?? previous.streamRoutes,
        upstreams,
        patch.certificates ?? previous.certificates,
        patch.ticketKey ?? previous.ticketKey,
      ),
    );
  }

  #replace(next: Snapshot): void {
    const previous = this.current;
    if (previous.users > 0) this.#retired.add(previous);
    this.current = next;
    for (const listener of this.#listeners) listener(next);
  }

  /** The upstream with its node changes; nodes that are not named in them are not looked at. Adds those that leave to `departed`. */
  #edit({ id, edits }: NodeChange, upstreams: ReadonlyMap<string, Upstream>, departed: Set<TableHandle>): Upstream {
    const previous = upstreams.get(id);
    if (!previous) throw new Error(`upstream ${id}: its nodes change, but it is not there`);
    for (const { at, remove } of edits) {
      for (const handle of previous.handles.slice(at, at + remove)) departed.add(handle);
    }
    const handleEdits = edits.map(({ at, remove, insert }) => {
      return { at, remove, insert: insert.map((planned) => this.#directory.handle(planned, previous.plan)) };
    });
    for (const { insert } of handleEdits) for (const handle of insert) departed.delete(handle);
    const plan = { ...previous.plan, nodes: applyEdits(previous.plan.nodes, edits) };
    return this.#upstream(plan, applyEdits(previous.handles, handleEdits), previous);
  }

  #build(plan: PlannedUpstream, previous: Upstream | null): Upstream {
    const handles = plan.nodes.map((planned) => this.#directory.handle(planned, plan));
    return this.#upstream(plan, handles, previous);
  }

  #upstream(plan: PlannedUpstream, handles: readonly TableHandle[], previous: Upstream | null): Upstream {
    const random = this.#random;
    const balancer = createBalancer(plan.balancer, random);
    return new Upstream(plan, handles, previous, { balancer, table: this.#table, random, breakers: this.#breakers });
  }
}
