import { claimKey, type RouteClaim, type TagWarning } from '../discovery/claims.ts';
import { hasRouteTags, readTags } from '../discovery/tags.ts';
import type { Node, NodeSet } from '../discovery/types.ts';
import { settleConflicts } from './auto-conflicts.ts';
import type { AutoRoutes, AutoWarning, Demand } from './auto-types.ts';
import { assignUpstreams } from './auto-upstreams.ts';
import { weighted } from './auto-weights.ts';
import type { RouteTemplate } from './route-template.ts';

/**
 * Whether a service of a source's catalogue needs to be watched for routes. Under a template every service does, but for
 * Consul's own servers: their port is not for the outside, unless tags ask for it.
 */
export function mayHaveRoutes(
  source: string,
  service: string,
  tags: readonly string[],
  template: RouteTemplate | null,
): boolean {
  return hasRouteTags(tags) || (template !== null && !isRegistryItself(source, service));
}

function isRegistryItself(source: string, service: string): boolean {
  return source === 'consul' && service === 'consul';
}

/**
 * Makes routes of what instances ask for. Pure. `templates` holds the `auto_route` of each source that has one.
 * `previous` is the last result: what held a route keeps it, and an upstream keeps its id.
 */
export function deriveAutoRoutes(
  sets: readonly NodeSet[],
  templates: ReadonlyMap<string, RouteTemplate>,
  previous: AutoRoutes,
): AutoRoutes {
  const demands: Demand[] = [];
  const warnings = new Map<string, AutoWarning>();
  for (const set of sets) {
    const { source, service } = set.query;
    const template = isRegistryItself(source, service) ? null : (templates.get(source) ?? null);
    const reading = readSet(set, template);
    demands.push(...reading.demands);
    for (const warning of reading.warnings) warnings.set(JSON.stringify(warning), warning);
  }
  const { granted, conflicts } = settleConflicts(demands, previous);
  const { routes, upstreams } = assignUpstreams(granted, previous);
  const sorted = [...warnings].sort(([a], [b]) => (a < b ? -1 : 1));
  return { routes, upstreams, conflicts, warnings: sorted.map(([, warning]) => warning) };
}

interface Reading {
  readonly source: string;
  readonly service: string;
  readonly template: RouteTemplate | null;
  readonly demands: readonly Demand[];
  readonly warnings: readonly AutoWarning[];
}

/** What was read of nodes that are still the same: one changed service among a thousand must not read all tags again. */
const readings = new WeakMap<readonly Node[], Reading>();

function readSet(set: NodeSet, template: RouteTemplate | null): Reading {
  const { source, service } = set.query;
  const known = readings.get(set.nodes);
  if (known && known.source === source && known.service === service && known.template === template) return known;
  const warnings: AutoWarning[] = [];
  const demands = demandsOf(set, template, (warning) => void warnings.push(warning));
  const reading = { source, service, template, demands, warnings };
  readings.set(set.nodes, reading);
  return reading;
}

/** The claims of one service's instances, each with the instances that make it. */
function demandsOf(set: NodeSet, template: RouteTemplate | null, warn: (warning: AutoWarning) => void): Demand[] {
  const { source, service } = set.query;
  const byClaim = new Map<
    string,
    { readonly claim: RouteClaim; readonly nodes: Node[]; readonly shares: (number | null)[] }
  >();
  for (const node of set.nodes) {
    const reading = readNode(service, node, template);
    for (const warning of reading.warnings) warn({ source, ...warning });
    for (const [key, claim] of reading.claims) {
      const entry = byClaim.get(key) ?? { claim, nodes: [], shares: [] };
      byClaim.set(key, entry);
      entry.nodes.push(reading.taken);
      entry.shares.push(reading.share);
    }
  }
  return [...byClaim].map(([key, { claim, nodes, shares }]) => {
    return { id: `auto:${source}:${service}:${key}`, source, service, claim, nodes: weighted(nodes, shares) };
  });
}

interface NodeReading {
  readonly service: string;
  readonly template: RouteTemplate | null;
  /** The node with the weight that its tags state. */
  readonly taken: Node;
  /** By their keys. */
  readonly claims: readonly (readonly [string, RouteClaim])[];
  readonly share: number | null;
  readonly warnings: readonly TagWarning[];
}

/** One changed instance among ten thousand must not have the tags of all read again either. */
const nodeReadings = new WeakMap<Node, NodeReading>();

function readNode(service: string, node: Node, template: RouteTemplate | null): NodeReading {
  const known = nodeReadings.get(node);
  if (known && known.service === service && known.template === template) return known;
  const fallback = template?.expand(service, node) ?? null;
  const fault = typeof fallback === 'string' ? fallback : null;
  const { claims, weight, share, warnings } = readTags(service, node, typeof fallback === 'string' ? null : fallback);
  const isUnusable = fault !== null && claims.length === 0;
  const reading = {
    service,
    template,
    taken: weight === null ? node : { ...node, weight },
    claims: claims.map((claim) => [claimKey(claim), claim] as const),
    share,
    warnings: isUnusable ? [...warnings, { service, tag: '', message: fault }] : warnings,
  };
  nodeReadings.set(node, reading);
  return reading;
}
