import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { GuardOptions } from './guard.ts';
import type { LastGoodCache } from './last-good-cache.ts';
import { MassCollapse } from './mass-collapse.ts';
import { nodeRules } from './node-order.ts';
import type { SourceCounters } from './source-reports.ts';
import { type Discovery, labelOf, type Node, type NodeSet, type ServiceQuery, sourceKey } from './types.ts';
import { type Subject, WatchGroup } from './watch-group.ts';
import type { Watched } from './watched-set.ts';

/** What `NodeSets` and `Catalogs` are made of. */
export interface DiscoveryParts {
  /** By source: the name that queries and configuration use, such as `consul`. */
  readonly discoveries: ReadonlyMap<string, Discovery>;
  readonly guard: GuardOptions;
  readonly cache: LastGoodCache;
  readonly clock: Clock;
  readonly log: Log;
}

/** The one owner of watches on services: which are watched, what is known of each, who is told of changes. */
export class NodeSets implements Closable {
  readonly #parts: DiscoveryParts;
  readonly #group: WatchGroup<Node>;
  readonly #queries = new Map<string, ServiceQuery>();
  readonly #mass = new Map<string, MassCollapse>();

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    const { guard, clock, log } = parts;
    this.#group = new WatchGroup({ rules: nodeRules, guard, clock, log });
  }

  /** Exactly these are watched from now on. A watch that is wanted again goes on untouched. */
  want(queries: readonly ServiceQuery[]): void {
    this.#queries.clear();
    for (const query of queries) this.#queries.set(sourceKey(query), query);
    this.#group.want(this.#queries.keys(), (key) => this.#subject(this.#queries.get(key)!));
  }

  /** What is known now; undefined when the service is not wanted. */
  get(query: ServiceQuery): NodeSet | undefined {
    return this.#view(sourceKey(query));
  }

  all(): readonly NodeSet[] {
    return [...this.#queries.keys()].flatMap((key) => this.#view(key) ?? []);
  }

  /** Called when the nodes or the state of a set change, never from within `want`. The result ends it. */
  onChange(listener: (set: NodeSet) => void): () => void {
    return this.#group.onChange((key) => {
      const set = this.#view(key);
      if (set) listener(set);
    });
  }

  /** Lets through at once what the guard holds back. False when it holds nothing. */
  release(query: ServiceQuery): boolean {
    return this.#group.release(sourceKey(query));
  }

  /** What the guard decided and what failed, by source. */
  counters(): ReadonlyMap<string, SourceCounters> {
    return this.#group.counters;
  }

  close(deadline: number): Promise<void> {
    return this.#group.close(deadline);
  }

  #view(key: string): NodeSet | undefined {
    const query = this.#queries.get(key);
    const watched = this.#group.current(key);
    return query && watched && nodeSet(query, watched);
  }

  #subject(query: ServiceQuery): Subject<Node> {
    const { cache, discoveries } = this.#parts;
    const discovery = discoveries.get(query.source);
    return {
      source: query.source,
      label: labelOf(query),
      others: this.#massOf(query.source),
      cached: cache.nodes(query),
      watch: discovery ? (sink, signal) => discovery.watch(query, sink, signal) : null,
      missing: `no discovery source "${query.source}" is configured: add a "discovery.${query.source}" block`,
      remember: (nodes) => cache.putNodes(query, nodes),
      forget: () => cache.forgetNodes(query),
    };
  }

  #massOf(source: string): MassCollapse {
    let mass = this.#mass.get(source);
    if (!mass) this.#mass.set(source, (mass = new MassCollapse(this.#parts.clock)));
    return mass;
  }
}

function nodeSet(query: ServiceQuery, watched: Watched<Node>): NodeSet {
  const { members, version, state, cached, confirmedAt, reason } = watched;
  return { query, nodes: members, version, state, cached, confirmedAt, reason };
}
