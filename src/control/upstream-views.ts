import type { EjectionView, NodeView, OverrideView, UpstreamView } from '../admin/views.ts';
import { formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Node, NodeSet, ServiceQuery } from '../discovery/types.ts';
import type { Ejection } from '../health/outliers/types.ts';
import { NodeField } from '../telemetry/counters.ts';
import { OUTCOME_NAMES } from '../telemetry/outcome-names.ts';
import { HEALTH_NAMES } from '../upstream/node-table.ts';
import type { PlannedNode, PlannedUpstream } from '../upstream/plan.ts';
import { candidateOf, selectReady } from '../upstream/ready-set.ts';
import type { NodeDecision } from './node-overrides.ts';
import { nodeKey } from './node-slots.ts';
import { type GatheredNodes, type NodeSource, queryOf } from './node-sources.ts';
import { summarise, viewSource } from './source-views.ts';
import type { Statistics } from './statistics.ts';

export interface UpstreamViewParts {
  readonly clock: Clock;
  readonly statistics: Statistics;
  /** Where the nodes of an upstream come from; none once it is gone. */
  sourcesOf(upstreamId: string): readonly NodeSource[];
  /** The nodes that the plan in force was made of. */
  nodesOf(upstreamId: string): GatheredNodes;
  nodeSet(query: ServiceQuery): NodeSet | undefined;
  /** Why outlier detection keeps a node out; null when it does not. */
  ejection(key: string): Ejection | null;
  /** What an operator has decided about a node; null when nothing. */
  decision(upstreamId: string, node: Node): NodeDecision | null;
  /** What the last failed probe of a node found; null when there was none. */
  lastProbeError(key: string): string | null;
}

/** Nodes known to be bad are used because there are no others. */
export function isFailOpen(upstream: PlannedUpstream, { table }: Statistics, now: number): boolean {
  return selectReady(upstream.nodes.map(candidateOf), upstream.spread, table, now).failOpen;
}

/** An upstream of the plan in force, with what the node table and the registry say of it. */
export function viewUpstream(upstream: PlannedUpstream, parts: UpstreamViewParts): UpstreamView {
  const now = parts.clock.now();
  const sources = parts.sourcesOf(upstream.id).map((source) => {
    const query = queryOf(source);
    return viewSource(source, query ? parts.nodeSet(query) : undefined, now);
  });
  const gathered = parts.nodesOf(upstream.id);
  const origins = new Map(gathered.nodes.map((node, index) => [formatAddress(node), gathered.origins[index]!]));
  return {
    id: upstream.id,
    type: upstream.balancer.type,
    sources,
    ...summarise(sources),
    fail_open: isFailOpen(upstream, parts.statistics, now),
    nodes: upstream.nodes.map((planned) => ({
      ...viewNode(upstream.id, planned, now, parts),
      origin: origins.get(formatAddress(planned.node)) ?? 'static',
    })),
  };
}

function viewOverride(decision: NodeDecision | null): OverrideView | null {
  if (!decision) return null;
  const { state, weight, reason, at } = decision;
  return { state, weight, reason, at: new Date(at).toISOString() };
}

function viewEjection(ejection: Ejection | null, now: number): EjectionView | null {
  if (!ejection) return null;
  const { reason, times, since, until } = ejection;
  const seconds = (ms: number) => Math.round(Math.max(0, ms)) / 1000;
  return { reason, times, for_seconds: seconds(now - since), trial_in_seconds: seconds(until - now) };
}

function viewNode(
  upstreamId: string,
  { slot, node }: PlannedNode,
  now: number,
  parts: UpstreamViewParts,
): Omit<NodeView, 'origin'> {
  const { table, nodes } = parts.statistics;
  const latency = table.latency(slot);
  const lastError = parts.lastProbeError(nodeKey(upstreamId, node));
  const requests = OUTCOME_NAMES.map((outcome, index) => [outcome, nodes.sum(slot, NodeField.outcome + index)]);
  return {
    host: node.host,
    port: node.port,
    weight: node.weight,
    priority: node.priority,
    health: HEALTH_NAMES[table.health(slot)],
    demoted: table.demotedUntil(slot) > now,
    ejected: viewEjection(parts.ejection(nodeKey(upstreamId, node)), now),
    override: viewOverride(parts.decision(upstreamId, node)),
    inflight: table.inflight(slot),
    latency_ms: latency === 0 ? null : latency / 1000,
    requests: Object.fromEntries(requests),
    tags: node.tags,
    metadata: node.metadata,
    ...(lastError === null ? {} : { last_error: lastError }),
  };
}
