import { CidrSet } from '../core/cidr.ts';
import type { PlannedRoute } from '../upstream/plan.ts';
import type { RequestHead } from './head.ts';
import { normalisePath } from './path.ts';
import { type PrefixNode, PrefixTree } from './prefix-tree.ts';

/** A route under one of its host and path patterns: what a request is matched with. Made once per router. */
export interface RouteMatch {
  readonly route: PlannedRoute;
  /** Pattern of the route that fits; null for a route that takes any host. */
  readonly host: string | null;
  readonly uri: string;
}

/** Why a route whose host and path fit is not taken. */
export type RouteRefusal = 'method' | 'remote-address';

/** Told of each candidate in the order in which they are tried; `refusal` is null for the one that is taken. */
export type RouteRecorder = (match: RouteMatch, refusal: RouteRefusal | null) => void;

class Candidate implements RouteMatch {
  readonly route: PlannedRoute;
  readonly host: string | null;
  readonly uri: string;
  readonly #methods: ReadonlySet<string> | null;
  readonly #clients: CidrSet | null;

  constructor(route: PlannedRoute, host: string | null, uri: string, clients: CidrSet | null) {
    this.route = route;
    this.host = host;
    this.uri = uri;
    this.#methods = route.methods.length === 0 ? null : new Set(route.methods);
    this.#clients = clients;
  }

  refusal(method: string, remoteAddress: string): RouteRefusal | null {
    if (this.#methods !== null && !this.#methods.has(method)) return 'method';
    return this.#clients !== null && !this.#clients.has(remoteAddress) ? 'remote-address' : null;
  }
}

type Paths = PrefixTree<Candidate[]>;

/**
 * Finds the route of a request, with the precedence of APISIX's `radixtree_host_uri`: an exact host, then wildcard hosts
 * from the longest, then routes for any host; within each the exact path, then prefixes from the longest; then the higher
 * priority, then the one that was defined first. A route whose methods or clients do not fit is passed over for the next.
 *
 * Immutable once built. Its size does not change the time of a match: that grows with the length of host and path alone.
 */
export class Router {
  readonly #anyHost: Paths = new PrefixTree();
  readonly #hosts = new PrefixTree<Paths>(true);
  readonly #hasHosts: boolean;

  constructor(routes: readonly PlannedRoute[]) {
    this.#hasHosts = routes.some((route) => route.hosts.length > 0);
    const trees = new Set<Paths>([this.#anyHost]);
    for (const route of byPriority(routes)) {
      const clients = route.remoteAddrs.length === 0 ? null : new CidrSet(route.remoteAddrs);
      for (const host of route.hosts.length === 0 ? [null] : route.hosts) {
        const paths = this.#pathsOf(host);
        if (paths === null) continue;
        trees.add(paths);
        for (const uri of route.uris) addPath(paths, new Candidate(route, host, uri, clients));
      }
    }
    this.#hosts.link();
    for (const paths of trees) paths.link();
  }

  /** The route that takes the request; null when there is none. `recorder` is for explanations: the data path has none. */
  match(head: RequestHead, remoteAddress: string, recorder: RouteRecorder | null = null): RouteMatch | null {
    if (this.#hasHosts && head.host !== '') {
      const hosts = this.#hosts;
      hosts.find(head.host);
      let wildcard = hosts.longest;
      if (hosts.exact !== null) {
        const match = matchPath(hosts.exact, head, remoteAddress, recorder);
        if (match !== null) return match;
      }
      for (; wildcard !== null; wildcard = wildcard.shorter) {
        const match = matchPath(wildcard.prefix as Paths, head, remoteAddress, recorder);
        if (match !== null) return match;
      }
    }
    return matchPath(this.#anyHost, head, remoteAddress, recorder);
  }

  #pathsOf(host: string | null): Paths | null {
    if (host === null) return this.#anyHost;
    const isWildcard = host.startsWith('*');
    const node = this.#hosts.add(isWildcard ? host.slice(1) : host);
    if (node === null) return null;
    if (isWildcard) return (node.prefix ??= new PrefixTree());
    return (node.exact ??= new PrefixTree());
  }
}

function addPath(paths: Paths, candidate: Candidate): void {
  const isPrefix = candidate.uri.endsWith('*');
  const path = isPrefix ? candidate.uri.slice(0, -1) : candidate.uri;
  const node = paths.add(canonicalPath(path));
  if (node === null) return;
  if (isPrefix) (node.prefix ??= []).push(candidate);
  else (node.exact ??= []).push(candidate);
}

/** Patterns are compared with normal paths, so they are brought into that form too. */
function canonicalPath(path: string): string {
  const ascii = path.replace(/[^\x21-\x7e]+/gu, (characters) => encodeURIComponent(characters));
  return ascii.startsWith('/') ? (normalisePath(ascii) ?? ascii) : ascii;
}

/** The higher priority first; the sort is stable, so equal ones stay in the order of their definition. */
function byPriority(routes: readonly PlannedRoute[]): PlannedRoute[] {
  return routes.toSorted((a, b) => b.priority - a.priority);
}

function matchPath(
  paths: Paths,
  head: RequestHead,
  remoteAddress: string,
  recorder: RouteRecorder | null,
): RouteMatch | null {
  paths.find(head.path);
  if (paths.exact !== null) {
    const match = firstFit(paths.exact, head.method, remoteAddress, recorder);
    if (match !== null) return match;
  }
  for (let node: PrefixNode<Candidate[]> | null = paths.longest; node !== null; node = node.shorter) {
    const match = firstFit(node.prefix as Candidate[], head.method, remoteAddress, recorder);
    if (match !== null) return match;
  }
  return null;
}

function firstFit(
  candidates: readonly Candidate[],
  method: string,
  remoteAddress: string,
  recorder: RouteRecorder | null,
): RouteMatch | null {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i] as Candidate;
    const refusal = candidate.refusal(method, remoteAddress);
    if (recorder !== null) recorder(candidate, refusal);
    if (refusal === null) return candidate;
  }
  return null;
}

/**
 * The target to send to the node: without `route.stripPrefix`, which is only cut off at the end of a path segment, so that
 * what remains is a normal path again.
 */
export function forwardTarget(route: PlannedRoute, head: RequestHead): string {
  const prefix = route.stripPrefix;
  if (prefix === null || prefix === '' || prefix === '/' || !head.path.startsWith(prefix)) return head.target;
  const length = prefix.endsWith('/') ? prefix.length - 1 : prefix.length;
  if (head.path.length === length) return `/${head.target.slice(length)}`;
  return head.path.charCodeAt(length) === 0x2f ? head.target.slice(length) : head.target;
}
