import { formatAddress } from '../core/address.ts';
import { sameData } from '../core/json.ts';
import type { Log } from '../core/log.ts';
import type { Node } from '../discovery/types.ts';
import type { CounterSums } from '../telemetry/counter-table.ts';
import { ROUTE_CAPACITY } from '../telemetry/counters.ts';
import { UPSTREAM_CAPACITY } from '../upstream/node-table.ts';
import {
  NO_ROUTE,
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

  /** Everything, for a worker that starts from nothing. */
  whole(): PlanPatch {
    return {
      version: this.#version,
      upstreams: [...this.#upstreams.values()],
      removedUpstreams: [],
      routes: this.#routes,
      streamRoutes: this.#streamRoutes,
      certificates: this.#certificates,
    };
  }

  /**
   * Makes the plan what the arguments say. `upstreams` may name a part of them: those that may have changed, with null for
   * one that is gone. `routes`, `streamRoutes` and `certificates` are whole lists, or null for no change.
   */
  update(
    upstreams: ReadonlyMap<string, CompiledUpstream | null>,
    routes: readonly CompiledRoute[] | null,
    streamRoutes: readonly CompiledStreamRoute[] | null,
    certificates: readonly PlannedCertificate[] | null = null,
  ): boolean {
    const version = this.#version + 1;
    const changed: PlannedUpstream[] = [];
    const removed: string[] = [];
    const departed: string[] = [];
    for (const [id, compiled] of upstreams) {
      const before = this.#upstreams.get(id);
      const after = compiled && this.#planUpstream(compiled);
      if (after && sameData(before, after)) continue;
      if (!after && !before) continue;
      departed.push(...departedKeys(id, before, after ?? null));
      this.#parts.joined(joinedSlots(before, after ?? null));
      if (after) changed.push(after);
      else removed.push(id);
      this.#remember(id, after ?? null);
    }
    const nextRoutes = routes && this.#planRoutes(routes, this.#routes);
    const nextStreams = streamRoutes && this.#planRoutes(streamRoutes, this.#streamRoutes);
    const nextCertificates = certificates && !sameData(certificates, this.#certificates) ? certificates : null;
    if (changed.length + removed.length === 0 && !nextRoutes && !nextStreams && !nextCertificates) return false;
    if (nextRoutes) this.#routes = nextRoutes;
    if (nextStreams) this.#streamRoutes = nextStreams;
    if (nextCertificates) this.#certificates = nextCertificates;
    this.#version = version;
    this.#parts.publish({
      version,
      upstreams: changed,
      removedUpstreams: removed,
      routes: nextRoutes,
      streamRoutes: nextStreams,
      certificates: nextCertificates,
    });
    const workers = this.#parts.workers();
    for (const key of departed) this.#parts.nodeSlots.retire(key, version, workers);
    return true;
  }

  #remember(id: string, plan: PlannedUpstream | null): void {
    if (plan) {
      this.#upstreams.set(id, plan);
    } else {
      this.#upstreams.delete(id);
      this.#upstreamSlots.release(id);
    }
  }

  /** Null when the upstream can't be taken in: it stays out, and that is reported. */
  #planUpstream(compiled: CompiledUpstream): PlannedUpstream | null {
    const row = this.#upstreamSlots.acquire(compiled.id);
    if (!row) {
      this.#reportFull(`upstream ${compiled.id}`, UPSTREAM_CAPACITY, 'upstreams');
      return null;
    }
    const nodes: PlannedNode[] = [];
    for (const node of compiled.nodes) {
      const slot = this.#parts.nodeSlots.acquire(nodeKey(compiled.id, node));
      if (slot === null) this.#reportFull(`node ${formatAddress(node)} of upstream ${compiled.id}`, null, 'nodes');
      else nodes.push({ slot, node, override: this.#parts.overrideOf(compiled.id, node) });
    }
    return { ...compiled, slot: row.slot, nodes };
  }

  /** Null when nothing changed. */
  #planRoutes<C extends { readonly id: string }, P extends C & { readonly slot: number }>(
    compiled: readonly C[],
    before: readonly P[],
  ): readonly P[] | null {
    const planned: P[] = [];
    for (const route of compiled) {
      const row = this.#routeSlots.acquire(route.id);
      if (!row) {
        this.#reportFull(`route ${route.id}`, ROUTE_CAPACITY, 'routes');
        continue;
      }
      if (row.blank) this.#parts.routeCounters.clear(row.slot);
      planned.push({ ...route, slot: row.slot } as unknown as P);
    }
    if (sameData(planned, before)) return null;
    const kept = new Set(planned.map((route) => route.id));
    for (const { id } of before) if (!kept.has(id)) this.#routeSlots.release(id);
    return planned;
  }

  #reportFull(what: string, capacity: number | null, kind: string): void {
    const limit = capacity === null ? '' : ` (${capacity})`;
    this.#parts.log.error('plan.full', `${what} is left out: the table of ${kind} is full${limit}`);
  }
}

/** Of a set that is new as a whole nobody has joined. */
function joinedSlots(before: PlannedUpstream | undefined, after: PlannedUpstream | null): number[] {
  if (!before || before.nodes.length === 0 || !after) return [];
  const present = new Set(before.nodes.map((planned) => planned.slot));
  return after.nodes.map((planned) => planned.slot).filter((slot) => !present.has(slot));
}

function departedKeys(id: string, before: PlannedUpstream | undefined, after: PlannedUpstream | null): string[] {
  if (!before) return [];
  const staying = new Set(after?.nodes.map((planned) => planned.slot));
  return before.nodes.filter((planned) => !staying.has(planned.slot)).map((planned) => nodeKey(id, planned.node));
}
