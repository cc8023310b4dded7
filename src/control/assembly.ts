import { sameData } from '../core/json.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import { labelOf, type NodeSet, type ServiceQuery, sourceKey } from '../discovery/types.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { HealthTarget } from '../health/types.ts';
import type { Definitions, UpstreamDefinition } from './definitions.ts';
import { subsetOf } from './deterministic-subset.ts';
import { HealthTargets } from './health-targets.ts';
import type { NodeHistory } from './node-history.ts';
import { type GatheredNodes, gatherNodes, type NodeSource } from './node-sources.ts';
import type { CompiledUpstream, Publisher } from './publisher.ts';
import type { Supervision } from './supervision.ts';

const NO_NODES: GatheredNodes = { nodes: [], origins: [] };
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
  /** The nodes of each upstream as they were compiled last. */
  readonly #gathered = new Map<string, GatheredNodes>();
  readonly #healthTargets = new HealthTargets();
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

  /** None once the upstream is gone. */
  sourcesOf(upstreamId: string): readonly NodeSource[] {
    return this.#upstreams.get(upstreamId)?.sources ?? [];
  }

  /** The nodes that the plan in force was made of. */
  nodesOf(upstreamId: string): GatheredNodes {
    return this.#gathered.get(upstreamId) ?? NO_NODES;
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
      const gathered = definition ? gatherNodes(definition.sources, this.#nodeSets) : NO_NODES;
      compiled.set(
        id,
        definition ? { id, ...definition.settings, nodes: subsetOf(gathered.nodes, definition.subsetting) } : null,
      );
      if (definition) this.#gathered.set(id, gathered);
      else this.#gathered.delete(id);
      this.#history.record(id, gathered, cause);
    }
    this.#dirty.clear();
    const routes = this.#routesDirty ? [...this.#file.routes, ...this.#auto.routes] : null;
    const streamRoutes = this.#routesDirty ? [...this.#file.streamRoutes, ...this.#auto.streamRoutes] : null;
    const certificates = this.#routesDirty ? this.#file.certificates : null;
    this.#routesDirty = false;
    let targets: readonly HealthTarget[] | null = null;
    this.#publisher.update(compiled, routes, streamRoutes, certificates, () => {
      targets = this.#healthTargets.of(this.#publisher.upstreams, this.#upstreams);
      // No worker may hear of a node before it is known whether it has to wait for its first check.
      if (targets) this.#monitor.admit(targets);
    });
    // A worker may still pick a node that leaves: what is known of its health goes last.
    if (targets) this.#monitor.track(targets);
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
    for (const { id, sources } of after.values()) {
      for (const query of questionsOf(sources)) {
        const key = sourceKey(query);
        this.#consumers.set(key, [...(this.#consumers.get(key) ?? []), id]);
      }
    }
    this.#want();
    this.#schedule();
  }

  #want(): void {
    const queries = [...this.#upstreams.values()].flatMap(({ sources }) => questionsOf(sources));
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
}

/** What is asked for the upstream alone: claimed nodes come with the questions of the automatic routes. */
function questionsOf(sources: readonly NodeSource[]): readonly ServiceQuery[] {
  return sources.flatMap((source) => (source.kind === 'service' ? [source.query] : []));
}

/** What a change of a node set is put down to in the history. */
export function causeOf({ query, state, cached, reason }: NodeSet): string {
  const origin = `${query.source}: ${labelOf(query)}`;
  if (cached) return `${origin}, as last known by an earlier process`;
  return state === 'held' ? `${origin}, held by the guard: ${reason}` : origin;
}
