import { formatAddress } from '../core/address.ts';
import { sameData } from '../core/json.ts';
import { applyEdits, editsBetween, type ListEdit } from '../core/list-edits.ts';
import type { Log } from '../core/log.ts';
import type { Node } from '../discovery/types.ts';
import type { CounterSums } from '../telemetry/counter-table.ts';
import { ROUTE_CAPACITY } from '../telemetry/counters.ts';
import { UPSTREAM_CAPACITY } from '../upstream/node-table.ts';
import {
  NO_ROUTE,
  type NodeChange,
  type NodeOverride,
  type PlannedCertificate,
  type PlannedNode,
  type PlannedRoute,
  type PlannedStreamRoute,
  type PlannedUpstream,
  type PlanPatch,
} from '../upstream/plan.ts';
import { type NodeSlots, nodeKey } from './node-slots.ts';
import { SlotAllocator } from './slots.ts';

export type CompiledUpstream = Omit<PlannedUpstream, 'slot' | 'nodes'> & { readonly nodes: readonly Node[] };
export type CompiledRoute = Omit<PlannedRoute, 'slot'>;
export type CompiledStreamRoute = Omit<PlannedStreamRoute, 'slot'>;

type RouteKind = 'http' | 'stream';

export interface PublisherParts {
  readonly nodeSlots: NodeSlots;
  readonly routeCounters: CounterSums;
  readonly log: Log;
  /** Sends a patch to every worker. */
  publish(patch: PlanPatch): void;
  /** What an operator has decided about a node; null when nothing. */
  overrideOf(upstreamId: string, node: Node): NodeOverride | null;
  /** These slots were given to nodes that came to an upstream which had others. */
  joined(slots: readonly number[]): void;
  /** Indices of the workers that may hold an older plan. */
  workers(): readonly number[];
}

/**
 * The plan in force, and the patches that lead to it. Takes what should be, compares it with what is, and publishes the
 * difference: what did not change is not sent, and keeps its rows in shared memory.
 */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #upstreamSlots = new SlotAllocator(UPSTREAM_CAPACITY, 'late');
  readonly #routeSlots = new SlotAllocator(ROUTE_CAPACITY, 'late');
  readonly #upstreams = new Map<string, PlannedUpstream>();
  #routes: readonly PlannedRoute[] = [];
  #streamRoutes: readonly PlannedStreamRoute[] = [];
  #certificates: readonly PlannedCertificate[] = [];
  #ticketKey: Uint8Array | null = null;
  #version = 1;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    const first = this.#routeSlots.acquire('');
    if (first?.slot !== NO_ROUTE)
      throw new Error('the first row of the route counters is not that of unrouted requests');
  }

  get version(): number {
    return this.#version;
  }

  get upstreams(): ReadonlyMap<string, PlannedUpstream> {
    return this.#upstreams;
  }

  get routes(): readonly PlannedRoute[] {
    return this.#routes;
  }

  get streamRoutes(): readonly PlannedStreamRoute[] {
    return this.#streamRoutes;
  }

  /** The row of a route's counters; null while it is not in the plan. */
  routeSlot(id: string): number | null {
    return this.#routeSlots.get(routeKey('http', id)) ?? null;
  }

  /** Everything, for a worker that starts from nothing. */
  whole(): PlanPatch {
    return {
      version: this.#version,
      upstreams: [...this.#upstreams.values()],
      nodeChanges: [],
      removedUpstreams: [],
      routes: this.#routes,
      streamRoutes: this.#streamRoutes,
      certificates: this.#certificates,
      ticketKey: this.#ticketKey,
    };
  }

  /** From now on session tickets are encrypted with this key; what was encrypted with the one before can't be read any more. */
  replaceTicketKey(key: Uint8Array): void {
    this.#ticketKey = key;
    this.#version += 1;
    const nothing = { upstreams: [], nodeChanges: [], removedUpstreams: [], routes: null, streamRoutes: null };
    this.#parts.publish({ version: this.#version, ...nothing, ticketKey: key });
  }

  /**
   * Makes the plan what the arguments say. `upstreams` may name a part of them: those that may have changed, with null for
   * one that is gone. `routes`, `streamRoutes` and `certificates` are whole lists, or null for no change. `planned` is called
   * when the plan is what it should be, and before a worker hears of it, also when there is nothing to hear.
   */
  update(
    upstreams: ReadonlyMap<string, CompiledUpstream | null>,
    routes: readonly CompiledRoute[] | null,
    streamRoutes: readonly CompiledStreamRoute[] | null,
    certificates: readonly PlannedCertificate[] | null = null,
    planned = () => {},
  ): boolean {
    const version = this.#version + 1;
    const { departed, ...changes } = this.#compare(upstreams);
    const nextRoutes = routes && this.#planRoutes('http', routes, this.#routes);
    const nextStreams = streamRoutes && this.#planRoutes('stream', streamRoutes, this.#streamRoutes);
    const nextCertificates = certificates && !sameData(certificates, this.#certificates) ? certificates : null;
    planned();
    const isSame = Object.values(changes).every((list) => list.length === 0);
    if (isSame && !nextRoutes && !nextStreams && !nextCertificates) return false;
    if (nextRoutes) this.#routes = nextRoutes;
    if (nextStreams) this.#streamRoutes = nextStreams;
    if (nextCertificates) this.#certificates = nextCertificates;
    this.#version = version;
    this.#parts.publish({
      version,
      ...changes,
      routes: nextRoutes,
      streamRoutes: nextStreams,
      certificates: nextCertificates,
    });
    const workers = this.#parts.workers();
    for (const key of departed) this.#parts.nodeSlots.retire(key, version, workers);
    return true;
  }

  /** Takes over what differs from the plan. `departed`: keys of the nodes that it has no more. */
  #compare(upstreams: ReadonlyMap<string, CompiledUpstream | null>) {
    const changed: PlannedUpstream[] = [];
    const nodeChanges: NodeChange[] = [];
    const removedUpstreams: string[] = [];
    const departed: string[] = [];
    for (const [id, compiled] of upstreams) {
      const before = this.#upstreams.get(id);
      const slot = compiled ? this.#upstreamSlot(id) : null;
      const edits = this.#planNodes(id, before?.nodes ?? [], slot === null ? [] : (compiled?.nodes ?? []));
      const moves = movesOf(id, before?.nodes ?? [], edits);
      departed.push(...moves.departed);
      this.#parts.joined(moves.joined);
      if (!compiled || slot === null) {
        if (before) removedUpstreams.push(id);
        this.#forget(id);
        continue;
      }
      const after = { ...compiled, slot, nodes: applyEdits(before?.nodes ?? [], edits) };
      const isOnlyNodes = before !== undefined && sameSettings(before, after);
      if (isOnlyNodes && edits.length === 0) continue;
      this.#upstreams.set(id, after);
      if (isOnlyNodes) nodeChanges.push({ id, edits });
      else changed.push(after);
    }
    return { upstreams: changed, nodeChanges, removedUpstreams, departed };
  }

  #forget(id: string): void {
    this.#upstreams.delete(id);
    this.#upstreamSlots.release(id);
  }

  /** Null when there is no more room: the upstream stays out, and that is reported. */
  #upstreamSlot(id: string): number | null {
    const row = this.#upstreamSlots.acquire(id);
    if (!row) this.#reportFull(`upstream ${id}`, UPSTREAM_CAPACITY, 'upstreams');
    return row?.slot ?? null;
  }

  /** What changes in the nodes. Those for which there is no slot stay out, and are tried again with the next change. */
  #planNodes(id: string, before: readonly PlannedNode[], nodes: readonly Node[]): readonly ListEdit<PlannedNode>[] {
    return editsBetween(before, nodes, (planned, node) => this.#isSame(id, planned, node))
      .map(({ at, remove, insert }) => ({ at, remove, insert: insert.flatMap((node) => this.#planNode(id, node)) }))
      .filter(({ remove, insert }) => remove + insert.length > 0);
  }

  #isSame(id: string, { node: known, override }: PlannedNode, node: Node): boolean {
    return (known === node || sameNode(known, node)) && sameOverride(override, this.#parts.overrideOf(id, node));
  }

  #planNode(id: string, node: Node): PlannedNode[] {
    const slot = this.#parts.nodeSlots.acquire(nodeKey(id, node));
    if (slot !== null) return [{ slot, node, override: this.#parts.overrideOf(id, node) }];
    this.#reportFull(`node ${formatAddress(node)} of upstream ${id}`, null, 'nodes');
    return [];
  }

  /** Null when nothing changed. */
  #planRoutes<C extends { readonly id: string }, P extends C & { readonly slot: number }>(
    kind: RouteKind,
    compiled: readonly C[],
    before: readonly P[],
  ): readonly P[] | null {
    const planned: P[] = [];
    for (const route of compiled) {
      const row = this.#routeSlots.acquire(routeKey(kind, route.id));
      if (!row) {
        this.#reportFull(`route ${route.id}`, ROUTE_CAPACITY, 'routes');
        continue;
      }
      if (row.blank) this.#parts.routeCounters.clear(row.slot);
      planned.push({ ...route, slot: row.slot } as unknown as P);
    }
    if (sameData(planned, before)) return null;
    const kept = new Set(planned.map((route) => route.id));
    for (const { id } of before) if (!kept.has(id)) this.#routeSlots.release(routeKey(kind, id));
    return planned;
  }

  #reportFull(what: string, capacity: number | null, kind: string): void {
    const limit = capacity === null ? '' : ` (${capacity})`;
    this.#parts.log.error('plan.full', `${what} is left out: the table of ${kind} is full${limit}`);
  }
}

/** A route and a stream route may have the same id. */
function routeKey(kind: RouteKind, id: string): string {
  return `${kind} ${id}`;
}

/** Most comparisons are of two different nodes: those end at the address. */
function sameNode(a: Node, b: Node): boolean {
  return a.port === b.port && a.host === b.host && sameData(a, b);
}

function sameOverride(a: NodeOverride | null, b: NodeOverride | null): boolean {
  return a === b || (a !== null && b !== null && a.state === b.state && a.weight === b.weight);
}

function sameSettings(a: PlannedUpstream, b: PlannedUpstream): boolean {
  return sameData({ ...a, nodes: null }, { ...b, nodes: null });
}

/** Keys of the nodes that leave, and slots of those that join: of a set that is new as a whole nobody has joined. */
function movesOf(id: string, before: readonly PlannedNode[], edits: readonly ListEdit<PlannedNode>[]) {
  const gone = edits.flatMap(({ at, remove }) => before.slice(at, at + remove));
  const come = edits.flatMap(({ insert }) => insert.map(({ slot }) => slot));
  const staying = new Set(come);
  const known = new Set(gone.map(({ slot }) => slot));
  return {
    departed: gone.filter(({ slot }) => !staying.has(slot)).map(({ node }) => nodeKey(id, node)),
    joined: before.length === 0 ? [] : come.filter((slot) => !known.has(slot)),
  };
}
