import type { MetricsSource } from '../../src/telemetry/metrics-source.ts';

/** A source with nothing in it but what a test puts there. */
export function metricsSource(parts: Partial<MetricsSource> = {}): MetricsSource {
  return {
    routes: () => [],
    streamRoutes: () => [],
    listeners: () => [],
    upstreams: () => [],
    nodes: () => [],
    outlierVerdicts: () => ({}),
    breakers: () => [],
    discovery: () => [],
    discoverySources: () => [],
    config: () => ({ lastReloadSuccessful: true, lastReloadAt: 0, reloads: { success: 1, failure: 0 } }),
    workers: () => ({ running: 1, restarts: 0, lag: [] }),
    accessLogDropped: () => 0,
    ...parts,
  };
}
