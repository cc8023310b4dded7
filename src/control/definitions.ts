import type {
  ConfigNode,
  ConfigNodeSource,
  DiscoverySettings,
  Document,
  InlineUpstream,
  Route,
  Service,
  StreamRoute,
} from '../config/types.ts';
import type { Node } from '../discovery/types.ts';
import type { BreakerPlan } from '../health/breaker/types.ts';
import type { OutlierPlan } from '../health/outliers/types.ts';
import type { ActiveCheckPlan } from '../health/types.ts';
import type { PlannedCertificate, PlannedStreaming, Timeouts } from '../upstream/plan.ts';
import { type LimitRule, limitRule } from './adaptive-limits.ts';
import { planBalancer, planHash, planSticky } from './balancing.ts';
import { defineCertificates, defineTls } from './certificates.ts';
import { checkPlan } from './check-plan.ts';
import { planSubsetting, type Subsetting } from './deterministic-subset.ts';
import type { NodeSource } from './node-sources.ts';
import { breakerRules, planBreaker, planOutliers, planPassive } from './passive-plans.ts';
import { PEM_TEXT, type PemSource } from './pem-files.ts';
import type { CompiledRoute, CompiledStreamRoute, CompiledUpstream } from './publisher.ts';
import { planSpread, planSubset } from './spread.ts';

/** An upstream as the resources define it: everything but the nodes of this moment. */
export interface UpstreamDefinition {
  readonly id: string;
  readonly settings: Omit<CompiledUpstream, 'id' | 'nodes'>;
  /** Where its nodes come from; of two nodes with the same address that of the earlier source counts. */
  readonly sources: readonly NodeSource[];
  readonly checks: ActiveCheckPlan | null;
  readonly outliers: OutlierPlan | null;
  readonly breaker: BreakerPlan | null;
  readonly limit: LimitRule;
  readonly subsetting: Subsetting | null;
  /** Port to probe; null for the node's own. */
  readonly checkPort: number | null;
}

/** What the resources say, with references resolved and times in milliseconds. */
export interface Definitions {
  readonly upstreams: ReadonlyMap<string, UpstreamDefinition>;
  readonly routes: readonly CompiledRoute[];
  readonly streamRoutes: readonly CompiledStreamRoute[];
  readonly certificates: readonly PlannedCertificate[];
  /** Rules of the circuit breakers of routes, by id of the route. */
  readonly routeBreakers: ReadonlyMap<string, BreakerPlan>;
}

const SECOND = 1000;

/** Part of the nodes' limits that a route's requests may use, by its importance. */
const HEADROOM = { high: 1.2, normal: 1, low: 0.7 } as const;

/**
 * The resources of a validated configuration. Pure but for the files that `pem` reads; throws a HeadgateError when a certificate
 * in one is no good.
 */
export function defineResources(document: Document, pem: PemSource = PEM_TEXT): Definitions {
  const upstreams = new Map<string, UpstreamDefinition>();
  const services = new Map(document.services.map((service) => [service.id, service]));
  const define = (id: string, upstream: InlineUpstream | undefined) => {
    if (upstream) upstreams.set(id, defineUpstream(id, upstream, document, pem));
  };
  for (const upstream of document.upstreams) define(upstream.id, upstream);
  for (const service of document.services) define(`service:${service.id}`, service.upstream);
  const routes = document.routes.filter((route) => route.status === 1);
  for (const route of routes) define(`route:${route.id}`, route.upstream);
  for (const route of document.stream_routes) define(`stream_route:${route.id}`, route.upstream);
  return {
    upstreams,
    routes: routes.map((route) => defineRoute(route, services, upstreams)),
    streamRoutes: document.stream_routes.map((route) => defineStreamRoute(route, services)),
    certificates: defineCertificates(document, pem),
    routeBreakers: breakersOf(routes),
  };
}

/** The id of the upstream that a resource sends its traffic to; validation has made sure that there is one. */
function targetOf(
  own: string,
  resource: { upstream?: unknown; upstream_id?: string; service_id?: string },
  services: ReadonlyMap<string, Service>,
): string {
  if (resource.upstream) return own;
  if (resource.upstream_id !== undefined) return resource.upstream_id;
  const service = resource.service_id === undefined ? undefined : services.get(resource.service_id);
  return service?.upstream ? `service:${service.id}` : (service?.upstream_id ?? '');
}

function breakersOf(routes: readonly Route[]): ReadonlyMap<string, BreakerPlan> {
  const breakers = new Map<string, BreakerPlan>();
  for (const { id, circuit_breaker: breaker } of routes) {
    const rules = breakerRules(breaker);
    if (rules) breakers.set(id, rules);
  }
  return breakers;
}

function defineRoute(
  route: Route,
  services: ReadonlyMap<string, Service>,
  upstreams: ReadonlyMap<string, UpstreamDefinition>,
): CompiledRoute {
  const upstreamId = targetOf(`route:${route.id}`, route, services);
  const inherited = upstreams.get(upstreamId)?.settings.timeouts;
  const service = route.service_id === undefined ? undefined : services.get(route.service_id);
  const hosts = route.hosts.length > 0 ? route.hosts : (service?.hosts ?? []);
  return {
    id: route.id,
    uris: route.uris,
    hosts,
    methods: route.methods,
    priority: route.priority,
    remoteAddrs: route.remote_addrs,
    upstreamId,
    subset: planSubset(route.subset),
    timeouts: route.timeout && inherited ? { ...inherited, ...timeouts(route.timeout) } : null,
    websocket: route.enable_websocket && (service?.enable_websocket ?? true),
    stripPrefix: null,
    headroom: HEADROOM[route.importance],
    breaker: planBreaker(route.circuit_breaker),
  };
}

function defineStreamRoute(route: StreamRoute, services: ReadonlyMap<string, Service>): CompiledStreamRoute {
  return {
    id: route.id,
    protocol: route.protocol ?? null,
    serverAddr: route.server_addr ?? null,
    serverPort: route.server_port ?? null,
    remoteAddrs: route.remote_addrs,
    snis: route.snis,
    upstreamId: targetOf(`stream_route:${route.id}`, route, services),
    idleTimeout: route.idle_timeout === undefined ? null : route.idle_timeout * SECOND,
    maxLifetime: route.max_lifetime === undefined ? null : route.max_lifetime * SECOND,
    subset: planSubset(route.subset),
  };
}

function defineUpstream(id: string, upstream: InlineUpstream, document: Document, pem: PemSource): UpstreamDefinition {
  const pool = upstream.keepalive_pool;
  const stream = streamingOf(id, upstream, pem);
  return {
    id,
    settings: {
      balancer: planBalancer(upstream),
      hash: planHash(upstream),
      sticky: planSticky(upstream),
      spread: planSpread(upstream, document.zone),
      passive: planPassive(upstream),
      breaker: planBreaker(upstream.circuit_breaker),
      limited: upstream.node_limit !== undefined,
      timeouts: timeouts(upstream.timeout),
      retries: upstream.retries ?? null,
      retryTimeout: upstream.retry_timeout * SECOND,
      retryStatuses: upstream.retry_statuses,
      passHost: upstream.pass_host,
      upstreamHost: upstream.upstream_host ?? null,
      keepalive: { size: pool.size, idleTimeout: pool.idle_timeout * SECOND, requests: pool.requests },
      ...(stream ? { stream } : {}),
    },
    sources: (upstream.sources ?? [{ ...upstream, priority: 0 }]).map((source) => sourceOf(source, document.discovery)),
    checks: upstream.checks?.active ? checkPlan(upstream.checks.active) : null,
    outliers: upstream.checks?.passive ? planOutliers(upstream.checks.passive) : null,
    breaker: breakerRules(upstream.circuit_breaker),
    limit: limitRule(upstream),
    subsetting: planSubsetting(upstream),
    checkPort: upstream.checks?.active?.port ?? null,
  };
}

/** Null when nothing is said that matters to streams. */
function streamingOf(id: string, upstream: InlineUpstream, pem: PemSource): PlannedStreaming | null {
  const { proxy_protocol, on_node_gone } = upstream;
  const stream: PlannedStreaming = {
    proxyProtocol: proxy_protocol ?? 0,
    tls: defineTls(id, upstream, pem),
    closeAfter: closeAfterOf(on_node_gone),
  };
  const isPlain = stream.proxyProtocol === 0 && stream.tls === null && stream.closeAfter === null;
  return isPlain ? null : stream;
}

function closeAfterOf(onNodeGone: InlineUpstream['on_node_gone']): number | null {
  if (typeof onNodeGone === 'object') return onNodeGone.close_after * SECOND;
  return onNodeGone === 'close' ? 0 : null;
}

function sourceOf({ priority, ...given }: ConfigNodeSource, discovery: DiscoverySettings): NodeSource {
  if (given.nodes) return { kind: 'static', nodes: given.nodes.map((node) => staticNode(node, priority)) };
  const source = given.discovery_type ?? '';
  const args = { ...sourceFilters(source, discovery), ...given.discovery_args };
  return { kind: 'service', query: { source, service: given.service_name ?? '', args }, priority };
}

/** Filters that hold for every service of a source; `discovery_args` of an upstream override them. */
export function sourceFilters(source: string, discovery: DiscoverySettings): Readonly<Record<string, string>> {
  return source === 'consul' && discovery.consul?.tag !== undefined ? { tag: discovery.consul.tag } : {};
}

function staticNode(node: ConfigNode, priority: number): Node {
  const { host, port, weight, metadata } = node;
  return { host, port, weight, priority: node.priority + priority, metadata, tags: [] };
}

function timeouts<T extends Partial<Timeouts>>(seconds: T): T {
  const entries = Object.entries(seconds).map(([name, value]) => [name, value * SECOND]);
  return Object.fromEntries(entries) as T;
}
