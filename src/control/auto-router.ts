import { documentFrom } from '../config/document.ts';
import type { DiscoverySettings } from '../config/types.ts';
import type { Log } from '../core/log.ts';
import type { Catalog, Catalogs } from '../discovery/catalogs.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import { type Discovery, type NodeSet, type NodeSetState, type ServiceQuery, sourceKey } from '../discovery/types.ts';
import { type Assembly, causeOf } from './assembly.ts';
import { deriveAutoRoutes, mayHaveRoutes } from './auto-routes.ts';
import {
  type AutoRoute,
  type AutoRoutes,
  type AutoUpstream,
  type AutoWarning,
  NO_AUTO_ROUTES,
  type RouteConflict,
} from './auto-types.ts';
import { type Definitions, defineResources, sourceFilters, type UpstreamDefinition } from './definitions.ts';
import { queryOf } from './node-sources.ts';
import type { CompiledRoute, CompiledStreamRoute } from './publisher.ts';
import { parseTemplate, type RouteTemplate } from './route-template.ts';

export interface AutoRouterParts {
  readonly nodeSets: NodeSets;
  readonly catalogs: Catalogs;
  readonly assembly: Assembly;
  readonly settings: DiscoverySettings;
  readonly discoveries: ReadonlyMap<string, Discovery>;
  readonly log: Log;
}

/**
 * Keeps the automatic routes current: watches the catalogues, has every service watched that may claim routes, and makes
 * routes of what the instances claim.
 */
export class AutoRouter {
  readonly #parts: AutoRouterParts;
  readonly #sources: readonly string[];
  readonly #templates: ReadonlyMap<string, RouteTemplate>;
  readonly #skipped: ReadonlySet<string>;
  readonly #settings: UpstreamDefinition['settings'];
  #queries = new Map<string, ServiceQuery>();
  #derived: AutoRoutes = NO_AUTO_ROUTES;
  /** Services that changed since the routes were made last, and why. */
  readonly #changed = new Map<string, string>();

  /** Throws a HeadgateError when a template can't be read. */
  constructor(parts: AutoRouterParts) {
    this.#parts = parts;
    const { settings, discoveries, catalogs, nodeSets } = parts;
    this.#sources = [...discoveries].flatMap(([source, discovery]) => (discovery.watchCatalog ? [source] : []));
    this.#templates = templatesOf(settings);
    this.#skipped = new Set(settings.consul?.skip_services ?? []);
    this.#settings = defaultUpstreamSettings();
    catalogs.onChange((catalog) => this.#catalogChanged(catalog));
    nodeSets.onChange((set) => this.#nodeSetChanged(set));
  }

  /** Begins to watch. */
  start(): void {
    this.#parts.catalogs.want(this.#sources);
    this.#requery('start');
  }

  /** Catalogues and services that have no answer yet, for people. */
  waitingFor(): readonly string[] {
    const { catalogs, nodeSets } = this.#parts;
    const silent = this.#sources.filter((source) => isUnanswered(catalogs.get(source)?.state));
    const sets = nodeSets.all().filter((set) => isUnanswered(set.state));
    return [
      ...silent.map((source) => `the catalogue of ${source}`),
      ...sets.map(({ query }) => `${query.source}/${query.service}`),
    ];
  }

  /** Ids of routes that claim the same requests as this one: the refused ones of a holder, and the other way round. */
  conflictsOf(routeId: string): readonly string[] {
    return this.#derived.conflicts.flatMap(({ holder, refused }) =>
      holder === routeId ? [refused] : refused === routeId ? [holder] : [],
    );
  }

  #catalogChanged({ source }: Catalog): void {
    this.#requery(`${source}: the catalogue`);
  }

  #requery(cause: string): void {
    const { catalogs, assembly, settings } = this.#parts;
    const queries = new Map<string, ServiceQuery>();
    for (const source of this.#sources) {
      const template = this.#templates.get(source) ?? null;
      for (const { service, tags } of catalogs.get(source)?.entries ?? []) {
        if (this.#skipped.has(service) || !mayHaveRoutes(source, service, tags, template)) continue;
        const query = { source, service, args: sourceFilters(source, settings) };
        queries.set(sourceKey(query), query);
      }
    }
    this.#queries = queries;
    assembly.setAutoQueries([...queries.values()]);
    this.#derive(cause);
  }

  #nodeSetChanged(set: NodeSet): void {
    const key = sourceKey(set.query);
    if (!this.#queries.has(key)) return;
    this.#changed.set(key, causeOf(set));
    if (this.#changed.size > 1) return;
    // At a start a thousand services answer within a moment: the routes are made once for all answers of a turn.
    setImmediate(() => {
      if (this.#changed.size === 0) return;
      this.#derive('the services together');
      this.#parts.assembly.flush();
    });
  }

  #derive(cause: string): void {
    const { nodeSets, assembly } = this.#parts;
    const sets = [...this.#queries.values()].flatMap((query) => nodeSets.get(query) ?? []);
    const before = this.#derived;
    this.#derived = deriveAutoRoutes(sets, this.#templates, before);
    this.#report(before);
    assembly.setAuto(this.#definitions(), ({ sources: [source] }) => {
      const query = source && queryOf(source);
      return (query && this.#changed.get(sourceKey(query))) ?? cause;
    });
    this.#changed.clear();
  }

  #report(before: AutoRoutes): void {
    const { log } = this.#parts;
    const known = new Set([...before.conflicts, ...before.warnings].map((item) => JSON.stringify(item)));
    const isNew = (item: RouteConflict | AutoWarning) => !known.has(JSON.stringify(item));
    for (const conflict of this.#derived.conflicts.filter(isNew)) {
      const text = `${conflict.claim} is claimed twice: ${conflict.holder} keeps it, ${conflict.refused} gets nothing`;
      log.warn('route.conflict', text, { ...conflict });
    }
    for (const { source, service, tag, message } of this.#derived.warnings.filter(isNew)) {
      log.warn('route.bad-tag', `${service}: ${message}`, { source, service, tag });
    }
    const ids = new Set(before.routes.map((route) => route.id));
    for (const { id, upstream } of this.#derived.routes) {
      if (!ids.delete(id)) log.info('route.added', `${id} is routed`, { route: id, upstream });
    }
    for (const id of ids) log.info('route.withdrawn', `${id} is withdrawn`, { route: id });
  }

  #definitions(): Definitions {
    const { routes, upstreams } = this.#derived;
    return {
      upstreams: new Map(upstreams.map((upstream) => [upstream.id, this.#defineUpstream(upstream)])),
      routes: routes.flatMap(defineRoute),
      streamRoutes: routes.flatMap(defineStreamRoute),
      certificates: [],
      routeBreakers: new Map(),
    };
  }

  #defineUpstream({ id, source, service, nodes }: AutoUpstream): UpstreamDefinition {
    const query = { source, service, args: sourceFilters(source, this.#parts.settings) };
    return {
      id,
      settings: this.#settings,
      sources: [{ kind: 'claimed', query, nodes }],
      checks: null,
      outliers: null,
      breaker: null,
      limit: { max: 0, adaptive: null },
      subsetting: null,
      checkPort: null,
    };
  }
}

/** A question that failed is no answer: what the registry would have said is as unknown as before. */
function isUnanswered(state: NodeSetState | undefined): boolean {
  return state === undefined || state === 'init' || state === 'failed';
}

/** The `auto_route` of each source that has one. */
function templatesOf(settings: DiscoverySettings): ReadonlyMap<string, RouteTemplate> {
  const templates = new Map<string, RouteTemplate>();
  for (const source of ['consul', 'eureka', 'nacos'] as const) {
    const template = settings[source]?.auto_route;
    if (template !== undefined) templates.set(source, parseTemplate(template));
  }
  return templates;
}

/** An upstream of which nothing is said. */
function defaultUpstreamSettings(): UpstreamDefinition['settings'] {
  const document = documentFrom({ upstreams: [{ id: 'default', nodes: { '127.0.0.1:1': 1 } }] });
  const definition = defineResources(document).upstreams.get('default');
  if (!definition) throw new Error('the default upstream is not defined');
  return definition.settings;
}

function defineRoute({ id, claim, upstream }: AutoRoute): CompiledRoute[] {
  if (claim.kind !== 'http') return [];
  return [
    {
      id,
      uris: [claim.uri],
      hosts: claim.host === null ? [] : [claim.host],
      methods: claim.methods,
      priority: claim.priority,
      remoteAddrs: [],
      upstreamId: upstream,
      subset: null,
      timeouts: null,
      websocket: true,
      headroom: 1,
      breaker: null,
      stripPrefix: claim.stripPrefix,
    },
  ];
}

function defineStreamRoute({ id, claim, upstream }: AutoRoute): CompiledStreamRoute[] {
  if (claim.kind !== 'tcp') return [];
  return [
    {
      id,
      protocol: 'tcp',
      serverAddr: null,
      serverPort: claim.port,
      remoteAddrs: [],
      snis: claim.sni === null ? [] : [claim.sni],
      upstreamId: upstream,
      idleTimeout: null,
      maxLifetime: null,
      subset: null,
    },
  ];
}
