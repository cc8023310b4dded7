import type { Clock } from '../core/clock.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import type { Directory } from '../dns/zone.ts';
import type { NodeTable } from '../upstream/node-table.ts';
import type { PlannedUpstream } from '../upstream/plan.ts';
import { candidateOf, selectUsable } from '../upstream/ready-set.ts';
import { type NodeSource, queryOf } from './node-sources.ts';

export interface DnsDirectoryParts {
  readonly clock: Clock;
  readonly table: NodeTable;
  readonly nodeSets: Pick<NodeSets, 'get'>;
  /** The plan in force; its version grows with every change. */
  readonly plan: { readonly version: number; readonly upstreams: ReadonlyMap<string, PlannedUpstream> };
  sourcesOf(upstreamId: string): readonly NodeSource[];
}

/**
 * What the DNS listener answers from: the upstreams of the plan in force, by id, else by the name of the registry service
 * that feeds them. Nodes are filtered by health as for the proxy, but of every priority.
 */
export function dnsDirectory(parts: DnsDirectoryParts): Directory {
  const { plan, table, clock } = parts;
  let names: ReadonlyMap<string, string> = new Map();
  let version = -1;
  return (name) => {
    if (version !== plan.version) {
      version = plan.version;
      names = namesOf(parts);
    }
    const upstream = plan.upstreams.get(names.get(name) ?? '');
    if (!upstream) return null;
    const usable = selectUsable(upstream.nodes.map(candidateOf), upstream.spread, table, clock.now());
    if (usable.length === 0 && isUnknown(parts, upstream)) return 'unknown';
    return usable.map(({ node, baseWeight }) => (node.weight === baseWeight ? node : { ...node, weight: baseWeight }));
  };
}

/** Ids of upstreams by name, in lower case: names in DNS know no other. An id counts before a service of that name. */
function namesOf({ plan, sourcesOf }: DnsDirectoryParts): ReadonlyMap<string, string> {
  const ids = [...plan.upstreams.keys()];
  const names = new Map<string, string>();
  const add = (name: string, id: string) => {
    if (!names.has(name.toLowerCase())) names.set(name.toLowerCase(), id);
  };
  for (const id of ids) add(id, id);
  for (const id of ids) {
    for (const source of sourcesOf(id)) {
      const query = queryOf(source);
      if (query) add(query.service, id);
    }
  }
  return names;
}

/** Nothing was heard of the nodes of some source yet, which is not the same as that there are none. */
function isUnknown({ nodeSets, sourcesOf }: DnsDirectoryParts, upstream: PlannedUpstream): boolean {
  return sourcesOf(upstream.id).some((source) => {
    const query = queryOf(source);
    const state = query ? (nodeSets.get(query)?.state ?? 'init') : 'ok';
    return state === 'init' || state === 'failed';
  });
}
