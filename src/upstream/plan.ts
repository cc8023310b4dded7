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

/** How TLS is spoken to the nodes. Certificates and keys are PEM. */
export interface PlannedTls {
  /** Name that is asked for and that the certificate must carry; null for the node's host. */
  readonly serverName: string | null;
  /** False takes any certificate. */
  readonly verify: boolean;
  /** Authorities in place of the runtime's own. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** What an upstream says about streams. */
export interface PlannedStreaming {
  /** Version of the PROXY header that a connection begins with; 0 for none. */
  readonly proxyProtocol: 0 | 1 | 2;
  readonly tls: PlannedTls | null;
  /** Connections that a node may have, over all workers; 0 for no bound. */
  readonly maxConnectionsPerNode: number;
  /** Milliseconds that connections to a node have left once it has gone or is unhealthy; null lets them finish. */
  readonly closeAfter: number | null;
}

/** A certificate that listeners may show. */
export interface PlannedCertificate {
  readonly id: string;
  /** Names that it is for, lower case; exact, or `*.suffix`. Empty when only a listener names it. */
  readonly names: readonly string[];
  /** PEM, with its chain. */
  readonly cert: string;
  readonly key: string;
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
  /** Absent when it says nothing: plain TCP, without bounds. */
  readonly stream?: PlannedStreaming;
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
  /** Names that TLS clients ask for, lower case; exact, or `*.suffix`. Empty: any client, TLS or not. */
  readonly snis: readonly string[];
  readonly upstreamId: string;
  /** Milliseconds in place of the general setting; null keeps that. */
  readonly idleTimeout: number | null;
  readonly maxLifetime: number | null;
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
  /** The whole list, when any certificate changed. */
  readonly certificates?: readonly PlannedCertificate[] | null;
}
