/**
 * What the exposition reads on each scrape. The control thread implements it; everything is the state of that moment.
 * Counters come besides, by the slots, from the shared memory.
 *
 * Names are unique within a list. Should one occur twice, the first counts: a repeated series would make Prometheus
 * refuse the whole scrape.
 */
export interface MetricsSource {
  /** HTTP routes in force. Requests that matched none may be a row with an empty `id` and `upstream`. */
  routes(): readonly RouteMetrics[];
  /** Stream routes in force. */
  streamRoutes(): readonly RouteMetrics[];
  listeners(): readonly ListenerMetrics[];
  upstreams(): readonly UpstreamMetrics[];
  /** All nodes of all upstreams. */
  nodes(): readonly NodeMetrics[];
  /** Verdicts of the outlier detection so far, by kind. */
  outlierVerdicts(): Readonly<Record<string, number>>;
  breakers(): readonly BreakerMetrics[];
  /** The watched services. */
  discovery(): readonly ServiceMetrics[];
  discoverySources(): readonly SourceMetrics[];
  config(): ConfigMetrics;
  workers(): WorkersMetrics;
  /** Access-log lines lost since the start, over all workers. */
  accessLogDropped(): number;
}

export interface RouteMetrics {
  readonly id: string;
  readonly slot: number;
  readonly upstream: string;
}

export interface ListenerMetrics {
  /** The configured address. */
  readonly name: string;
  readonly slot: number;
}

export interface UpstreamMetrics {
  readonly id: string;
  readonly failOpen: boolean;
}

export interface NodeMetrics {
  /** Id of the upstream. */
  readonly upstream: string;
  /** `host:port`. */
  readonly node: string;
  readonly slot: number;
  readonly health: 'unknown' | 'healthy' | 'unhealthy' | 'pending';
  readonly inflight: number;
  /** Smoothed time to the answer; 0 when nothing was measured. */
  readonly latencyMicros: number;
  readonly ejected: boolean;
}

export interface BreakerMetrics {
  readonly kind: 'upstream' | 'route';
  readonly id: string;
  readonly state: 'closed' | 'open' | 'half-open';
  readonly openings: number;
}

export interface ServiceMetrics {
  /** The discovery type: `consul`, … */
  readonly source: string;
  readonly service: string;
  readonly args: Readonly<Record<string, string>>;
  /** Seconds since the last good answer; null when there was none. */
  readonly ageSeconds: number | null;
  /** Nodes in force. */
  readonly nodes: number;
}

export interface SourceMetrics {
  readonly source: string;
  /** Answers by what became of them, such as `applied`, `unchanged`, `held`. */
  readonly updates: Readonly<Record<string, number>>;
  /** Questions that failed. */
  readonly errors: number;
}

export interface ConfigMetrics {
  readonly lastReloadSuccessful: boolean;
  /** Wall-clock milliseconds of the last configuration that was applied. */
  readonly lastReloadAt: number;
  /** Attempts, the first load included. */
  readonly reloads: { readonly success: number; readonly failure: number };
}

export interface WorkersMetrics {
  /** Workers that are running. */
  readonly running: number;
  readonly restarts: number;
  /** How late each running worker's event loop was at its last report. */
  readonly lag: readonly { readonly worker: number; readonly seconds: number }[];
}
