/** How a request would be handled, as `POST /v1/explain` tells it. Field names are those of the JSON. */

/** A request that is not sent. */
export interface ExplainQuestion {
  /** The whole head as a client would send it, one character per byte. */
  readonly head: string;
  /** Address of the client. */
  readonly client: string;
}

/** What became of a route. `host`, `path`: it is for other hosts or paths; `precedence`: it fits, but another comes first. */
export type RouteVerdict = 'taken' | 'method' | 'remote-address' | 'precedence' | 'path' | 'host';

export interface ExplainedRoute {
  readonly id: string;
  readonly hosts: readonly string[];
  readonly uris: readonly string[];
  readonly priority: number;
  readonly verdict: RouteVerdict;
}

export interface Explanation {
  /** Why the request would be refused before it is routed; null when it would not. */
  readonly refused: { readonly status: number; readonly code: string; readonly message: string } | null;
  readonly request: { readonly method: string; readonly host: string; readonly path: string; readonly client: string };
  /** In the order in which they were considered, then those that were not, at most 100. */
  readonly routes: readonly ExplainedRoute[];
  /** Routes left out of `routes`. */
  readonly more_routes: number;
  readonly route: string | null;
  /** Request target as the node would see it. */
  readonly target: string | null;
  /** Plugins that would run, in order. */
  readonly plugins: readonly string[];
  /** Why it would be answered without a node: the circuit breaker of the route or of the upstream is open. */
  readonly breaker: 'route' | 'upstream' | null;
  readonly upstream: ExplainedUpstream | null;
}

/** Why a node can't be picked. `preference`: others have a higher priority or are in this zone. */
export type Exclusion =
  | 'subset'
  | 'drain'
  | 'disable'
  | 'weight-0'
  | 'pending'
  | 'ejected'
  | 'unhealthy'
  | 'demoted'
  | 'preference';

/** A node as the pick sees it. */
export interface ExplainedNode {
  /** `host:port`. */
  readonly node: string;
  readonly priority: number;
  /** In force, slow start included. */
  readonly weight: number;
  /** Share of its weight that slow start leaves it; 1 when that is over. */
  readonly slow_start: number;
  readonly health: 'unknown' | 'healthy' | 'unhealthy' | 'pending';
  readonly inflight: number;
  /** Smoothed time to the answer, and the score of `ewma`; null when nothing was measured. Milliseconds. */
  readonly latency_ms: number | null;
  readonly score_ms: number | null;
  /** Null for a node that may be picked. */
  readonly excluded: Exclusion | null;
}

export interface ExplainedUpstream {
  readonly id: string;
  readonly type: string;
  readonly fail_open: boolean;
  /** Groups by priority and zone, with their share of the traffic. */
  readonly pools: readonly { readonly key: string; readonly share: number; readonly nodes: number }[];
  readonly nodes: readonly ExplainedNode[];
  /** The node that a request would get now; null when there is none. */
  readonly pick: string | null;
}
