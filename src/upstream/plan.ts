import type { BalancerPlan } from '../balancers/types.ts';
import type { ListEdit } from '../core/list-edits.ts';
import type { Node } from '../discovery/types.ts';

/**
 * What the control thread tells the workers: plain data, structured-cloneable, compiled from the resources and the node
 * sets. A plan travels as a patch with only what changed; each worker puts the patch into the snapshot that it had and
 * replaces the snapshot whole.
 */

/** Row of the route counters for requests that no route took. */
export const NO_ROUTE = 0;

/** What an operator has decided about a node. */
export interface NodeOverride {
  /** `drain`: no new traffic but of sessions that are bound to it. `disable`: none at all. Null leaves it in. */
  readonly state: 'drain' | 'disable' | null;
  /** In place of the weight that the source gives; null leaves that. */
  readonly weight: number | null;
}

/** A node and its place in the node table. */
export interface PlannedNode {
  readonly slot: number;
  readonly node: Node;
  readonly override: NodeOverride | null;
}

/** How traffic is spread over priorities and zones before the balancer has its say. Shares in [0, 1]. */
export interface PlannedSpread {
  /** Below this share of nodes that are not known to be bad, all are used (fail-open); 0 never does. */
  readonly panicThreshold: number;
  /** A tier takes all its traffic while this many times its share of ready nodes is 1 or more. */
  readonly overprovisioning: number;
  /** Nodes of the zone `local` are preferred while `minNodes` or more of them are ready. */
  readonly zone: {
    readonly local: string;
    readonly minNodes: number;
    /** Below this share of ready nodes in the zone traffic spills over into others, in proportion. */
    readonly spillOver: number;
  } | null;
  readonly slowStart: PlannedSlowStart | null;
}

/** A node's weight grows from `minFactor` of it to the whole within `windowMs`, by (age / window)^(1 / aggression). */
export interface PlannedSlowStart {
  readonly windowMs: number;
  readonly minFactor: number;
  readonly aggression: number;
}

/** What workers count and report about answers. */
export interface PlannedPassive {
  /** Failures in a row, by outcome, at which the control thread is told; 0 for never. */
  readonly streaks: readonly number[];
  /** Answers that take this long count as slow; 0 for none. */
  readonly slowMicros: number;
  /** Statuses that count as a failure of the node. Empty: 500 and above. */
  readonly failStatuses: readonly number[];
  /** Longest time, in milliseconds, that `Retry-After` keeps a node out; 0 does not look at it. */
  readonly retryAfterMs: number;
}

/** A circuit breaker as the data path sees it; its state is in the breaker cells. */
export interface PlannedBreaker {
  readonly status: number;
  readonly contentType: string;
  /** Null for an error message. */
  readonly body: string | null;
  readonly retryAfterSeconds: number;
  /** Answers that take this long count as slow; 0 for none. */
  readonly slowMicros: number;
}

/** What the hash of `chash` is made of. */
export interface PlannedHash {
  readonly on: 'vars' | 'header' | 'cookie' | 'consumer' | 'vars_combinations';
  readonly key: string;
}

/** Clients are bound to nodes by a cookie. */
export interface PlannedSticky {
  /** Name of the cookie. */
  readonly cookie: string;
  readonly secret: string;
  /** Of the Set-Cookie line, separated by "; ". */
  readonly attributes: string;
}

/** A part of an upstream's nodes: those whose metadata has all of `labels`. */
export interface PlannedSubset {
  /** Equal for equal subsets. */
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  /** When no node has them: `any` uses all nodes, `none` answers that there is none. */
  readonly fallback: 'any' | 'none';
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
  readonly balancer: BalancerPlan;
  /** Null when the balancer does not hash. */
  readonly hash: PlannedHash | null;
  /** Null when clients are not bound to nodes. */
  readonly sticky: PlannedSticky | null;
  readonly spread: PlannedSpread;
  readonly passive: PlannedPassive;
  readonly breaker: PlannedBreaker | null;
  /** Nodes have limits, which the control thread sets in the node table. */
  readonly limited: boolean;
  readonly nodes: readonly PlannedNode[];
  readonly timeouts: Timeouts;
  /** Tries besides the first; null when the configuration leaves it to the kind of failure. */
  readonly retries: number | null;
  /** Milliseconds after which no further try begins; 0 for no bound. */
  readonly retryTimeout: number;
  /** Statuses after which a request that may be repeated goes to another node. */
  readonly retryStatuses: readonly number[];
  /** Which Host the node sees: the client's, the node's own, or `upstreamHost`. */
  readonly passHost: 'pass' | 'node' | 'rewrite';
  readonly upstreamHost: string | null;
  /** Idle connections kept per worker and node; how long (ms); how many requests one may carry. */
  readonly keepalive: { readonly size: number; readonly idleTimeout: number; readonly requests: number };
  /** Absent when it says nothing: plain TCP. */
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
  /** Null for all nodes of the upstream. */
  readonly subset: PlannedSubset | null;
  /** Overrides the upstream's. */
  readonly timeouts: Timeouts | null;
  readonly websocket: boolean;
  /** Part of the nodes' limits that requests of this route may use; above 1 they may exceed them. */
  readonly headroom: number;
  readonly breaker: PlannedBreaker | null;
  /** Path prefix cut off before the request is forwarded; null keeps the path. */
  readonly stripPrefix: string | null;
}

export interface PlannedStreamRoute {
  readonly id: string;
  readonly slot: number;
  /** Null matches any. */
  readonly protocol: 'tcp' | 'udp' | null;
  readonly serverAddr: string | null;
  readonly serverPort: number | null;
  readonly remoteAddrs: readonly string[];
  /** Names that TLS clients ask for, lower case; exact, or `*.suffix`. Empty: any client, TLS or not. */
  readonly snis: readonly string[];
  readonly upstreamId: string;
  /** Milliseconds in place of the general setting; null keeps that. */
  readonly idleTimeout: number | null;
  readonly maxLifetime: number | null;
  /** Null for all nodes of the upstream. */
  readonly subset: PlannedSubset | null;
}

/** Other nodes of an upstream that is otherwise as it was. */
export interface NodeChange {
  readonly id: string;
  /** Lead from the nodes before to those from now on. */
  readonly edits: readonly ListEdit<PlannedNode>[];
}

export interface PlanPatch {
  /** Grows by one with each patch. */
  readonly version: number;
  /** Upstreams that are new or have other settings. */
  readonly upstreams: readonly PlannedUpstream[];
  /** Of upstreams in which only nodes changed just these: a node that comes must not cost a copy of ten thousand. */
  readonly nodeChanges: readonly NodeChange[];
  readonly removedUpstreams: readonly string[];
  /** The whole list, when any route changed. */
  readonly routes: readonly PlannedRoute[] | null;
  readonly streamRoutes: readonly PlannedStreamRoute[] | null;
  /** The whole list, when any certificate changed. */
  readonly certificates?: readonly PlannedCertificate[] | null;
  /** What listeners that end TLS encrypt their session tickets with, when it changed: 48 bytes. */
  readonly ticketKey?: Uint8Array | null;
}
