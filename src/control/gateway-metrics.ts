import { formatAddress } from '../core/address.ts';
import type {
  BreakerMetrics,
  ConfigMetrics,
  ListenerMetrics,
  MetricsSource,
  NodeMetrics,
  RouteMetrics,
  ServiceMetrics,
  SourceMetrics,
  UpstreamMetrics,
  WorkersMetrics,
} from '../telemetry/metrics-source.ts';
import { HEALTH_NAMES } from '../upstream/node-table.ts';
import { NO_ROUTE } from '../upstream/plan.ts';
import { sumBySource } from './discovery-views.ts';
import type { OutlierTallies } from './outliers.ts';
import type { StateOfGateway } from './state-of-gateway.ts';
import { isFailOpen } from './upstream-views.ts';

/** What the exposition reads of a gateway. */
export class GatewayMetrics implements MetricsSource {
  readonly #state: StateOfGateway;

  constructor(state: StateOfGateway) {
    this.#state = state;
  }

  routes(): readonly RouteMetrics[] {
    const planned = this.#state.publisher.routes.map(({ id, slot, upstreamId }) => ({
      id,
      slot,
      upstream: upstreamId,
    }));
    return [{ id: '', slot: NO_ROUTE, upstream: '' }, ...planned];
  }

  streamRoutes(): readonly RouteMetrics[] {
    return this.#state.publisher.streamRoutes.map(({ id, slot, upstreamId }) => ({ id, slot, upstream: upstreamId }));
  }

  listeners(): readonly ListenerMetrics[] {
    const { http, tcp, udp } = this.#state.listeners;
    return [...http, ...tcp, ...udp].map(({ name, slot }) => ({ name, slot }));
  }

  upstreams(): readonly UpstreamMetrics[] {
    const { publisher, statistics, clock } = this.#state;
    const now = clock.now();
    return [...publisher.upstreams.values()].map((upstream) => ({
      id: upstream.id,
      failOpen: isFailOpen(upstream, statistics, now),
    }));
  }

  nodes(): readonly NodeMetrics[] {
    const { publisher, statistics } = this.#state;
    const { table } = statistics;
    return [...publisher.upstreams.values()].flatMap(({ id, nodes }) =>
      nodes.map(({ slot, node }) => ({
        upstream: id,
        node: formatAddress(node),
        slot,
        health: HEALTH_NAMES[table.health(slot)],
        inflight: table.inflight(slot),
        latencyMicros: table.latency(slot),
        ejected: table.isEjected(slot),
      })),
    );
  }

  outlierVerdicts(): OutlierTallies {
    return this.#state.supervision.outliers.tallies;
  }

  breakers(): readonly BreakerMetrics[] {
    return this.#state.supervision.breakers.views();
  }

  discovery(): readonly ServiceMetrics[] {
    const { nodeSets, clock } = this.#state;
    const now = clock.now();
    return nodeSets.all().map(({ query, nodes, confirmedAt }) => ({
      source: query.source,
      service: query.service,
      args: query.args,
      ageSeconds: confirmedAt === null ? null : (now - confirmedAt) / 1000,
      nodes: nodes.length,
    }));
  }

  discoverySources(): readonly SourceMetrics[] {
    return sumBySource([this.#state.nodeSets.counters(), this.#state.catalogs.counters()]);
  }

  config(): ConfigMetrics {
    return this.#state.reloads.view();
  }

  workers(): WorkersMetrics {
    const states = this.#state.pool.states();
    const running = states.filter((state) => state.listening);
    return {
      running: running.length,
      restarts: states.reduce((total, state) => total + state.restarts, 0),
      lag: running.map(({ index, lagMs }) => ({ worker: index, seconds: lagMs / 1000 })),
    };
  }

  accessLogDropped(): number {
    return this.#state.pool.states().reduce((total, state) => total + state.accessLogDropped, 0);
  }
}
