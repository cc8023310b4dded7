import { upstreamSchema } from '../../../src/config/schema/upstream.ts';
import type { ChurnUpstream, ConfigChurn } from './config-churn.ts';

/** Every balancer that the configuration knows, but those that need more than their name. */
const TYPES = upstreamSchema.properties.type.enum.filter((type: string) => type !== 'chash');

type Change = (upstream: ChurnUpstream, ports: readonly number[], churn: ConfigChurn) => string;

/** Ways to change an upstream. Each says what it did. */
export const UPSTREAM_CHANGES: Readonly<Record<string, Change>> = {
  'node added': (upstream, ports, churn) => {
    const free = ports.filter((port) => !upstream.nodes.some((node) => node.port === port));
    if (free.length === 0) return 'no more nodes to add';
    const node = churn.newNode(churn.pick(free));
    upstream.nodes.splice(1 + churn.below(upstream.nodes.length), 0, node);
    return `node ${node.port} added`;
  },
  'node removed': (upstream, _ports, churn) => {
    if (upstream.nodes.length === 1) return 'no node to remove';
    const [gone] = upstream.nodes.splice(1 + churn.below(upstream.nodes.length - 1), 1);
    upstream.splitAt = null;
    return `node ${gone!.port} removed`;
  },
  'all but one replaced': (upstream, ports, churn) => {
    const [first] = upstream.nodes;
    const others = ports.filter((port) => port !== first!.port && churn.below(2) === 1);
    upstream.nodes = [first!, ...others.map((port) => churn.newNode(port))];
    upstream.splitAt = null;
    return `now ${upstream.nodes.map(({ port }) => port)}`;
  },
  'nodes in another order': (upstream) => {
    const [first, ...others] = upstream.nodes;
    upstream.nodes = [first!, ...others.reverse()];
    return 'nodes in another order';
  },
  weight: (upstream, _ports, churn) => {
    const node = churn.pick(upstream.nodes);
    const isFirst = node === upstream.nodes[0];
    node.weight = isFirst ? 1 + churn.below(5) : churn.below(6);
    return `weight ${node.weight} for ${node.port}`;
  },
  priority: (upstream, _ports, churn) => {
    const node = churn.pick(upstream.nodes);
    node.priority = churn.pick([0, 0, -1]);
    return `priority ${node.priority} for ${node.port}`;
  },
  metadata: (upstream, _ports, churn) => {
    const node = churn.pick(upstream.nodes);
    const isFirst = node === upstream.nodes[0];
    node.metadata = { zone: churn.pick(['a', 'b', 'c']), version: isFirst ? 'v1' : churn.pick(['v1', 'v2']) };
    return `metadata of ${node.port}`;
  },
  sources: (upstream, _ports, churn) => {
    upstream.splitAt = upstream.splitAt === null ? 1 + churn.below(upstream.nodes.length) : null;
    return upstream.splitAt === null ? 'one source' : `sources split at ${upstream.splitAt}`;
  },
  balancer: (upstream, _ports, churn) => set(upstream, { type: churn.pick(TYPES) }),
  'active checks': (upstream, _ports, churn) => {
    const { checks = {} } = upstream.settings;
    const { active: _active, ...others } = checks;
    if (churn.below(3) === 0) return set(upstream, { checks: others });
    const times = { healthy: { interval: churn.pick([0.5, 1, 5]) }, unhealthy: { interval: churn.pick([0.5, 1]) } };
    return set(upstream, { checks: { ...others, active: { type: 'tcp', gate: churn.below(2) === 1, ...times } } });
  },
  'passive checks': (upstream, _ports, churn) => {
    const { checks = {} } = upstream.settings;
    const { passive: _passive, ...others } = checks;
    if (churn.below(4) === 0) return set(upstream, { checks: others });
    const passive = {
      unhealthy: { http_failures: 3 + churn.below(3), tcp_failures: 1 + churn.below(3) },
      ...(churn.below(2) ? { failure_ratio: { min_requests: 10 + churn.below(10) } } : {}),
      ejection: { time: 1 + churn.below(30), max_percent: churn.pick([10, 50]) },
    };
    return set(upstream, { checks: { ...others, passive } });
  },
  'circuit breaker': (upstream, _ports, churn) => {
    const breaker =
      churn.below(3) === 0 ? undefined : { min_requests: 20 + churn.below(50), window: 1 + churn.below(9) };
    return set(upstream, { circuit_breaker: breaker });
  },
  'slow start': (upstream, _ports, churn) => {
    const slowStart = churn.below(3) === 0 ? undefined : { window: churn.pick([1, 10, 60]) };
    return set(upstream, { slow_start: slowStart });
  },
  'zone preference': (upstream, _ports, churn) => {
    const preference = churn.below(3) === 0 ? undefined : { min_nodes: 1 + churn.below(2) };
    return set(upstream, { zone_preference: preference });
  },
  'panic threshold': (upstream, _ports, churn) => set(upstream, { panic_threshold: churn.pick([10, 50, 100]) }),
  keepalive: (upstream, _ports, churn) => set(upstream, { keepalive_pool: { size: churn.pick([1, 4, 64]) } }),
  timeouts: (upstream, _ports, churn) => set(upstream, { timeout: { read: 60 + churn.below(3) } }),
};

export function changeUpstream(
  kind: string,
  upstream: ChurnUpstream,
  ports: readonly number[],
  churn: ConfigChurn,
): string {
  return UPSTREAM_CHANGES[kind]!(upstream, ports, churn);
}

/** Sets keys; one that is undefined goes away. */
function set(upstream: ChurnUpstream, changes: Record<string, unknown>): string {
  const settings = Object.entries({ ...upstream.settings, ...changes }).filter(([, value]) => value !== undefined);
  upstream.settings = Object.fromEntries(settings) as ChurnUpstream['settings'];
  return JSON.stringify(changes);
}
