import type { Node } from '../discovery/types.ts';

/**
 * What the control thread tells the workers: plain data, structured-cloneable, compiled from the resources and the node
 * sets. A plan travels as a patch with only what changed; each worker puts the patch into the snapshot that it had and
 * replaces the snapshot whole.
 */

/** Row of the route counters for requests that no route took. */
export const NO_ROUTE = 0;

/** A node and its place in the node table. */
export interface PlannedNode {
  readonly slot: number;
  readonly node: Node;
}

/** Milliseconds. */
export interface Timeouts {
  readonly connect: number;
  readonly send: number;
  readonly read: number;
}

export interface PlannedUpstream {
  readonly id: string;
  /** Row of the upstream's version in the node table. */
  readonly slot: number;
  /** Balancer: `roundrobin`, `least_conn`, … */
  readonly type: string;
  readonly nodes: readonly PlannedNode[];
  readonly timeouts: Timeouts;
  /** Tries besides the first; null when the configuration leaves it to the kind of failure. */
  readonly retries: number | null;
  /** Milliseconds after which no further try begins; 0 for no bound. */
  readonly retryTimeout: number;
  /** Which Host the node sees: the client's, the node's own, or `upstreamHost`. */
  readonly passHost: 'pass' | 'node' | 'rewrite';
  readonly upstreamHost: string | null;
  /** Idle connections kept per worker and node; how long (ms); how many requests one may carry. */
  readonly keepalive: { readonly size: number; readonly idleTimeout: number; readonly requests: number };
}

export interface PlannedRoute {
  readonly id: string;
  /** Row of the route's counters. */
  readonly slot: number;
  /** Exact paths, or prefixes that end in `*`. */
  readonly uris: readonly string[];
  /** Lower case; exact, or `*.suffix`. Empty: any host. */
  readonly hosts: readonly string[];
  /** Upper case. Empty: any method. */
  readonly methods: readonly string[];
  readonly priority: number;
  /** CIDR ranges of clients. Empty: any client. */
  readonly remoteAddrs: readonly string[];
  readonly upstreamId: string;
  /** Overrides the upstream's. */
  readonly timeouts: Timeouts | null;
  readonly websocket: boolean;
  /** Path prefix cut off before the request is forwarded; null keeps the path. */
  readonly stripPrefix: string | null;
}

export interface PlannedStreamRoute {
  readonly id: string;
  readonly slot: number;
  /** Null matches any. */
  readonly serverAddr: string | null;
  readonly serverPort: number | null;
  readonly remoteAddrs: readonly string[];
  readonly upstreamId: string;
}

export interface PlanPatch {
  /** Grows by one with each patch. */
  readonly version: number;
  /** New and changed upstreams. */
  readonly upstreams: readonly PlannedUpstream[];
  readonly removedUpstreams: readonly string[];
  /** The whole list, when any route changed. */
  readonly routes: readonly PlannedRoute[] | null;
  readonly streamRoutes: readonly PlannedStreamRoute[] | null;
}
