import type { NodeSetState } from '../discovery/types.ts';
import type { DiscoveryViews } from './discovery-views.ts';
import type { Explainer } from './explain-routes.ts';
import type { NodeOrders } from './node-views.ts';

/** A node as `GET /v1/upstreams` shows it. Field names are those of the JSON. */
export interface NodeView {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly priority: number;
  readonly health: 'unknown' | 'healthy' | 'unhealthy' | 'pending';
  /** True while a connection failure keeps the node out of the selection. */
  readonly demoted: boolean;
  /** Null unless outlier detection keeps the node out. */
  readonly ejected: EjectionView | null;
  /** Null unless an operator has decided something. */
  readonly override: OverrideView | null;
  readonly inflight: number;
  /** Smoothed time to the answer; null when nothing was measured. */
  readonly latency_ms: number | null;
  /** Requests since the node is known, by outcome. */
  readonly requests: Readonly<Record<string, number>>;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** The source that it comes from: `static`, `consul: web`. Of several the one that counts. */
  readonly origin: string;
  /** What the last failed probe found. */
  readonly last_error?: string;
}

/** What an operator has decided about a node. */
export interface OverrideView {
  readonly state: 'drain' | 'disable' | null;
  /** In place of that of the source; null when that counts. */
  readonly weight: number | null;
  readonly reason: string | null;
  /** ISO 8601. */
  readonly at: string;
}

/** Why outlier detection keeps a node out. */
export interface EjectionView {
  readonly reason: string;
  /** Which ejection in a row it is. */
  readonly times: number;
  readonly for_seconds: number;
  /** After that a single request tries the node; 0 when that is due. */
  readonly trial_in_seconds: number;
}

/** A place that an upstream's nodes come from, and how far it can be trusted now. */
export interface NodeSourceView {
  /** `static`, or the discovery type. */
  readonly type: string;
  readonly service?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly state: NodeSetState;
  /** Seconds since the source last confirmed its nodes; null when it never did, 0 for static nodes. */
  readonly age_seconds: number | null;
  /** Why `state` is not `ok`. */
  readonly reason: string | null;
  /** True when the nodes come from the cache on disk. */
  readonly cached: boolean;
  /** Nodes that the source knows, whether or not an earlier source knows them too. */
  readonly count: number;
}

export interface UpstreamView {
  readonly id: string;
  /** Balancer: `roundrobin`, `least_conn`, … */
  readonly type: string;
  /** In the order of precedence. */
  readonly sources: readonly NodeSourceView[];
  /** Of the source that is worst off. */
  readonly state: NodeSetState;
  /** Of the source that was confirmed longest ago; null when one never was, 0 for static nodes. */
  readonly age_seconds: number | null;
  /** Why `state` is not `ok`. */
  readonly reason: string | null;
  /** True when nodes of some source come from the cache on disk. */
  readonly cached: boolean;
  /** True while nodes known to be bad are used because there are no others. */
  readonly fail_open: boolean;
  readonly nodes: readonly NodeView[];
}

export interface RouteView {
  readonly id: string;
  /** `auto`: made from a registry's tags. */
  readonly origin: 'file' | 'auto';
  readonly hosts: readonly string[];
  readonly uris: readonly string[];
  readonly methods: readonly string[];
  readonly priority: number;
  /** Id of the upstream. */
  readonly upstream: string;
  /** Ids of routes that claim the same requests. */
  readonly conflicts: readonly string[];
}

export interface Readiness {
  readonly ready: boolean;
  /** What it waits for, for people; empty when ready. */
  readonly reasons: readonly string[];
}

/** What the admin listener shows; the control thread implements it. Every call answers with the state of that moment. */
export interface AdminViews extends DiscoveryViews, NodeOrders, Explainer {
  ready(): Readiness;
  upstreams(): readonly UpstreamView[];
  routes(): readonly RouteView[];
  /** The exposition for Prometheus. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}
