import type { ChangeView, DiscoveryView, PastNode, ReleaseRequest } from '../admin/discovery-views.ts';
import type { ExplainQuestion, Explanation } from '../admin/explain-routes.ts';
import type { NodeOrder, OrderedNode, OrderView } from '../admin/node-views.ts';
import type { AdminViews, Readiness, RouteView, UpstreamView } from '../admin/views.ts';
import type { Exposition, RenderedMetrics } from '../telemetry/exposition.ts';
import { viewChanges, viewDiscovery } from './discovery-views.ts';
import { carryOut, viewOrders } from './node-orders.ts';
import type { StateOfGateway } from './state-of-gateway.ts';
import { type UpstreamViewParts, viewUpstream } from './upstream-views.ts';

/** What the admin listener shows of a gateway. */
export class GatewayAdminViews implements AdminViews {
  readonly #state: StateOfGateway;
  readonly #exposition: Exposition;
  readonly #parts: UpstreamViewParts;

  constructor(state: StateOfGateway, exposition: Exposition) {
    this.#state = state;
    this.#exposition = exposition;
    const { clock, statistics, assembly, nodeSets, monitor, supervision, overrides } = state;
    this.#parts = {
      clock,
      statistics,
      sourcesOf: (id) => assembly.sourcesOf(id),
      nodesOf: (id) => assembly.nodesOf(id),
      nodeSet: (query) => nodeSets.get(query),
      ejection: (key) => supervision.outliers.ejection(key),
      decision: (id, node) => overrides.of(id, node),
      lastProbeError: (key) => {
        const last = monitor.state(key)?.last;
        return last && last.verdict !== 'success' ? last.detail : null;
      },
    };
  }

  ready(): Readiness {
    return this.#state.readiness.view();
  }

  upstreams(): readonly UpstreamView[] {
    return [...this.#state.publisher.upstreams.values()].map((upstream) => viewUpstream(upstream, this.#parts));
  }

  routes(): readonly RouteView[] {
    const { publisher, assembly, autoRouter } = this.#state;
    return publisher.routes.map((route) => ({
      id: route.id,
      origin: assembly.isAutomatic(route.id) ? 'auto' : 'file',
      hosts: route.hosts,
      uris: route.uris,
      methods: route.methods,
      priority: route.priority,
      upstream: route.upstreamId,
      conflicts: autoRouter.conflictsOf(route.id),
    }));
  }

  discovery(): DiscoveryView {
    return viewDiscovery(this.#state);
  }

  release({ source, service, args }: ReleaseRequest): boolean {
    const { nodeSets, catalogs } = this.#state;
    return service === null ? catalogs.release(source) : nodeSets.release({ source, service, args });
  }

  changes(upstream: string | null, from: number, to: number): readonly ChangeView[] {
    return viewChanges(this.#state.history, upstream, from, to);
  }

  nodesAt(upstream: string, at: number): readonly PastNode[] | null {
    return this.#state.history.nodesAt(upstream, at);
  }

  orders(): readonly OrderView[] {
    return viewOrders(this.#state.overrides);
  }

  order(order: NodeOrder): readonly OrderedNode[] {
    return carryOut(order, this.#state);
  }

  explain(question: ExplainQuestion): Promise<Explanation | null> {
    return this.#state.pool.explain(question);
  }

  metrics(): Promise<RenderedMetrics> {
    return this.#exposition.render();
  }
}
