import type { Closable } from '../core/scope.ts';
import { catalogRules } from './node-order.ts';
import type { DiscoveryParts } from './node-sets.ts';
import type { SourceCounters } from './source-reports.ts';
import type { CatalogEntry, NodeSetState } from './types.ts';
import { type Subject, WatchGroup } from './watch-group.ts';

/** What is known of one source's catalogue. The fields mean what they mean in `NodeSet`. */
export interface Catalog {
  readonly source: string;
  readonly entries: readonly CatalogEntry[];
  readonly version: number;
  readonly state: NodeSetState;
  readonly cached: boolean;
  readonly confirmedAt: number | null;
  readonly reason: string | null;
}

/** A catalogue has fewer members than a large service has nodes: three that vanish at once are already implausible. */
const MIN_SERVICES = 3;

/** The one owner of watches on catalogues: what automatic routes are made from. */
export class Catalogs implements Closable {
  readonly #parts: DiscoveryParts;
  readonly #group: WatchGroup<CatalogEntry>;
  #sources: readonly string[] = [];

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    const guard = { ...parts.guard, minNodes: Math.min(parts.guard.minNodes, MIN_SERVICES) };
    this.#group = new WatchGroup({ rules: catalogRules, guard, clock: parts.clock, log: parts.log });
  }

  /** Exactly the catalogues of these sources are watched from now on. */
  want(sources: readonly string[]): void {
    this.#sources = [...new Set(sources)];
    this.#group.want(this.#sources, (source) => this.#subject(source));
  }

  get(source: string): Catalog | undefined {
    const watched = this.#group.current(source);
    if (!watched) return undefined;
    const { members, version, state, cached, confirmedAt, reason } = watched;
    return { source, entries: members, version, state, cached, confirmedAt, reason };
  }

  all(): readonly Catalog[] {
    return this.#sources.flatMap((source) => this.get(source) ?? []);
  }

  /** Called when the entries or the state of a catalogue change, never from within `want`. The result ends it. */
  onChange(listener: (catalog: Catalog) => void): () => void {
    return this.#group.onChange((source) => {
      const catalog = this.get(source);
      if (catalog) listener(catalog);
    });
  }

  /** Lets through at once what the guard holds back. False when it holds nothing. */
  release(source: string): boolean {
    return this.#group.release(source);
  }

  counters(): ReadonlyMap<string, SourceCounters> {
    return this.#group.counters;
  }

  close(deadline: number): Promise<void> {
    return this.#group.close(deadline);
  }

  #subject(source: string): Subject<CatalogEntry> {
    const { cache, discoveries } = this.#parts;
    const discovery = discoveries.get(source);
    return {
      source,
      label: 'the catalogue',
      others: null,
      cached: cache.catalog(source),
      watch: discovery?.watchCatalog ? (sink, signal) => discovery.watchCatalog!(sink, signal) : null,
      missing: `the discovery source "${source}" can't list its services`,
      remember: (entries) => cache.putCatalog(source, entries),
      forget: () => cache.forgetCatalog(source),
    };
  }
}
