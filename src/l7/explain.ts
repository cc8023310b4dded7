import { CidrSet } from '../core/cidr.ts';
import { explainUpstream } from '../upstream/explain.ts';
import type { ExplainedRoute, ExplainQuestion, Explanation, RouteVerdict } from '../upstream/explanation.ts';
import type { NodeTable } from '../upstream/node-table.ts';
import type { PlannedRoute } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import { Affinity } from './affinity.ts';
import { ClientForwarding } from './client-forwarding.ts';
import { hashKeyOf } from './hash-key.ts';
import { type Rejection, RequestHead } from './head.ts';
import { parseRequestHead } from './request-head.ts';
import { forwardTarget, type RouteMatch, type RouteRefusal, Router } from './router.ts';
import type { HttpSettings } from './settings.ts';

export interface ExplainParts {
  readonly snapshot: Snapshot;
  readonly table: NodeTable;
  readonly settings: HttpSettings;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Whether the circuit breakers would let a request pass. */
  breakerOf(route: PlannedRoute): 'route' | 'upstream' | null;
}

const MAX_ROUTES = 100;

/** How a request would be handled now: parsed, routed and picked by the code of the data path, with nothing sent. */
export function explain(question: ExplainQuestion, parts: ExplainParts): Explanation {
  const { snapshot, settings } = parts;
  const head = new RequestHead();
  const bytes = Buffer.from(question.head, 'latin1');
  const length = parseRequestHead(bytes, 0, bytes.length, settings.limits, head);
  const forwarding = new ClientForwarding({
    remoteAddress: question.client,
    scheme: 'http',
    localPort: 80,
    trusted: settings.trusted,
  });
  if (length <= 0) return refusedWith(head.rejection ?? INCOMPLETE, head, question.client);
  const client = forwarding.clientAddress(head);
  const considered: { match: RouteMatch; refusal: RouteRefusal | null }[] = [];
  const match = new Router(snapshot.routes).match(head, client, (candidate, refusal) => {
    considered.push({ match: candidate, refusal });
  });
  const routes = verdicts(snapshot.routes, considered, head, client);
  const route = match?.route ?? null;
  const upstream = route === null ? undefined : snapshot.upstreams.get(route.upstreamId);
  const key = upstream?.plan.hash ?? null;
  const hash = key === null ? 0 : hashKeyOf(key).hash(head, { forwarding, socket: {} });
  const context = { hash, now: parts.now, tried: [] };
  const bound = upstream ? new Affinity().bound(upstream, route!.subset, head, parts.now) : null;
  return {
    refused: null,
    request: { method: head.method, host: head.host, path: head.path, client },
    routes: routes.slice(0, MAX_ROUTES),
    more_routes: Math.max(0, routes.length - MAX_ROUTES),
    route: route?.id ?? null,
    target: route === null ? null : forwardTarget(route, head),
    plugins: [],
    breaker: route === null ? null : parts.breakerOf(route),
    upstream: upstream ? explainUpstream(upstream, route!.subset, parts.table, context, bound) : null,
  };
}

const INCOMPLETE: Rejection = { status: 400, code: 'incomplete', message: 'the head of the request has no end' };

function refusedWith(refused: Rejection, { method, host, path }: RequestHead, client: string): Explanation {
  return {
    refused,
    request: { method, host, path, client },
    ...{ routes: [], more_routes: 0, route: null, target: null, plugins: [], breaker: null, upstream: null },
  };
}

function verdicts(
  routes: readonly PlannedRoute[],
  considered: readonly { readonly match: RouteMatch; readonly refusal: RouteRefusal | null }[],
  head: RequestHead,
  client: string,
): ExplainedRoute[] {
  const first = new Map<PlannedRoute, RouteVerdict>();
  for (const { match, refusal } of considered) first.set(match.route, refusal ?? 'taken');
  const rest = routes
    .filter((route) => !first.has(route))
    .map((route) => [route, verdictOf(route, head, client)] as const);
  const nearest = (verdict: RouteVerdict) => rest.filter(([, given]) => given === verdict);
  const others = (['precedence', 'method', 'remote-address', 'path', 'host'] as const).flatMap(nearest);
  return [...first, ...others].map(([{ id, hosts, uris, priority }, verdict]) => ({
    id,
    hosts,
    uris,
    priority,
    verdict,
  }));
}

/** Of a route that the search did not come to. */
function verdictOf(route: PlannedRoute, head: RequestHead, client: string): RouteVerdict {
  if (route.hosts.length > 0 && !route.hosts.some((host) => hostFits(host, head.host))) return 'host';
  if (!route.uris.some((uri) => pathFits(uri, head.path))) return 'path';
  if (route.methods.length > 0 && !route.methods.includes(head.method)) return 'method';
  const clients = route.remoteAddrs.length === 0 ? null : new CidrSet(route.remoteAddrs);
  return clients !== null && !clients.has(client) ? 'remote-address' : 'precedence';
}

function hostFits(pattern: string, host: string): boolean {
  return pattern.startsWith('*') ? host.endsWith(pattern.slice(1)) : pattern === host;
}

function pathFits(uri: string, path: string): boolean {
  return uri.endsWith('*') ? path.startsWith(uri.slice(0, -1)) : uri === path;
}
