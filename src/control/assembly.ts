import { formatAddress } from '../core/address.ts';
import { sameData } from '../core/json.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import { type Node, type NodeSet, type ServiceQuery, sourceKey } from '../discovery/types.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { HealthTarget } from '../health/types.ts';
import type { Definitions, NodeSource, UpstreamDefinition } from './definitions.ts';
import type { NodeHistory } from './node-history.ts';
import { nodeKey } from './node-slots.ts';
import type { CompiledUpstream, Publisher } from './publisher.ts';
import type { Supervision } from './supervision.ts';

const NOTHING: Definitions = {
  upstreams: new Map(),
  routes: [],
  streamRoutes: [],
  certificates: [],
  routeBreakers: new Map(),
};

/**
 * Joins what the resources define with the nodes that discovery knows, and hands the result to the publisher.
 *
 * Changes only mark what they touch; everything marked in one turn of the event loop is compiled and published together.
 */
export class Assembly {
  readonly #nodeSets: NodeSets;
  readonly #publisher: Publisher;
  readonly #monitor: HealthMonitor;
  readonly #supervision: Supervision;
  readonly #history: NodeHistory;
  #file = NOTHING;
  #auto = NOTHING;
  #autoIds: ReadonlySet<string> = new Set();
  #autoQueries: readonly ServiceQuery[] = [];
  #upstreams: ReadonlyMap<string, UpstreamDefinition> = new Map();
  /** Ids of upstreams by the service that feeds them. */
  #consumers = new Map<string, string[]>();
  /** Ids of upstreams that may have changed, and why. */
  readonly #dirty = new Map<string, string>();
  #routesDirty = false;
  #scheduled = false;
  #closed = false;

  constructor(
    nodeSets: NodeSets,
    publisher: Publisher,
    monitor: HealthMonitor,
    supervision: Supervision,
    history: NodeHistory,
  ) {
    this.#nodeSets = nodeSets;
    this.#publisher = publisher;
    this.#monitor = monitor;
    this.#supervision = supervision;
    this.#history = history;
    nodeSets.onChange((set) => this.#nodeSetChanged(set));
  }

  /** The resources of the configuration, replaced whole. */
  setFile(definitions: Definitions): void {
    this.#file = definitions;
    this.#redefine(() => 'configuration');
  }

  /** The routes and upstreams that come from registry tags, replaced whole. `causeFor` tells why one of them changed. */
  setAuto(definitions: Definitions, causeFor: (upstream: UpstreamDefinition) => string): void {
    this.#auto = definitions;
    this.#autoIds = new Set(definitions.routes.map((route) => route.id));
    this.#redefine(causeFor);
  }

  /** Services to watch because they may claim routes. */
  setAutoQueries(queries: readonly ServiceQuery[]): void {
    this.#autoQueries = queries;
    this.#want();
  }

  sourceOf(upstreamId: string): NodeSource | undefined {
    return this.#upstreams.get(upstreamId)?.source;
  }

  isAutomatic(routeId: string): boolean {
    return this.#autoIds.has(routeId);
  }

  /** Publishes what is marked now, without waiting for the end of the turn. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed || (this.#dirty.size === 0 && !this.#routesDirty)) return;
    const compiled = new Map<string, CompiledUpstream | null>();
    for (const [id, cause] of this.#dirty) {
      const definition = this.#upstreams.get(id);
      const upstream = definition ? this.#compile(definition) : null;
      compiled.set(id, upstream);
      this.#history.record(id, upstream?.nodes ?? [], cause);
    }
    this.#dirty.clear();
    const routes = this.#routesDirty ? [...this.#file.routes, ...this.#auto.routes] : null;
    const streamRoutes = this.#routesDirty ? [...this.#file.streamRoutes, ...this.#auto.streamRoutes] : null;
    const certificates = this.#routesDirty ? this.#file.certificates : null;
    this.#routesDirty = false;
    this.#publisher.update(compiled, routes, streamRoutes, certificates);
    this.#monitor.track(this.#targets());
    this.#supervision.follow(this.#upstreams, this.#publisher.upstreams, this.#file.routeBreakers);
  }

  /** Compiles every upstream anew: something besides definitions and nodes has changed. */
  recompile(cause: string): void {
    for (const id of this.#upstreams.keys()) this.#dirty.set(id, cause);
    this.flush();
  }

  close(): void {
    this.#closed = true;
  }

  #redefine(causeFor: (upstream: UpstreamDefinition) => string): void {
    const before = this.#upstreams;
    const after = new Map([...this.#file.upstreams, ...this.#auto.upstreams]);
    for (const [id, definition] of after) {
      if (!sameData(before.get(id), definition)) this.#dirty.set(id, causeFor(definition));
    }
    for (const [id, definition] of before) if (!after.has(id)) this.#dirty.set(id, causeFor(definition));
    this.#upstreams = after;
    this.#routesDirty = true;
    this.#consumers = new Map();
    for (const { id, source } of after.values()) {
      if (source.kind !== 'service') continue;
      const key = sourceKey(source.query);
      this.#consumers.set(key, [...(this.#consumers.get(key) ?? []), id]);
    }
    this.#want();
    this.#schedule();
  }

  #want(): void {
    const queries = [...this.#upstreams.values()].flatMap(({ source }) =>
      source.kind === 'service' ? [source.query] : [],
    );
    this.#nodeSets.want([...queries, ...this.#autoQueries]);
  }

  #nodeSetChanged(set: NodeSet): void {
    for (const id of this.#consumers.get(sourceKey(set.query)) ?? []) this.#dirty.set(id, causeOf(set));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  #compile(definition: UpstreamDefinition): CompiledUpstream {
    return { id: definition.id, ...definition.settings, nodes: distinct(this.#nodesOf(definition.source)) };
  }

  #nodesOf(source: NodeSource): readonly Node[] {
    if (source.kind === 'service') return this.#nodeSets.get(source.query)?.nodes ?? [];
    return source.nodes;
  }

  #targets(): HealthTarget[] {
    const targets: HealthTarget[] = [];
    for (const { id, nodes } of this.#publisher.upstreams.values()) {
      const definition = this.#upstreams.get(id);
      const checks = definition?.checks;
      if (!checks) continue;
      for (const { node } of nodes) {
        const address = { host: node.host, port: definition.checkPort ?? node.port };
        targets.push({ key: nodeKey(id, node), address, checks });
      }
    }
    return targets;
  }
}

/** What a change of a node set is put down to in the history. */
export function causeOf({ query, state, cached, reason }: NodeSet): string {
  const origin = `${query.source}: ${query.service}`;
  if (cached) return `${origin}, as last known by an earlier process`;
  return state === 'held' ? `${origin}, held by the guard: ${reason}` : origin;
}

/** An address is a node of an upstream once: of two with the same address the first counts. */
function distinct(nodes: readonly Node[]): readonly Node[] {
  const seen = new Set<string>();
  const kept = nodes.filter((node) => {
    const address = formatAddress(node);
    return !seen.has(address) && seen.add(address);
  });
  return kept.length === nodes.length ? nodes : kept;
}
