import { claimKey } from '../discovery/claims.ts';
import type { Node } from '../discovery/types.ts';
import type { AutoRoute, AutoRoutes, AutoUpstream, Demand } from './auto-types.ts';

interface Group {
  readonly demands: Demand[];
  readonly nodes: readonly Node[];
}

/**
 * Puts claims with the same instances behind one upstream, so that in the usual case a service has one, whatever the
 * number of its routes: one set of in-flight counts, latencies and connections.
 *
 * What is known of a node belongs to the id of its upstream. So a group keeps an id that one of its routes had, while
 * instances with new tags replace those with old ones.
 */
export function assignUpstreams(
  demands: readonly Demand[],
  previous: AutoRoutes,
): { readonly routes: readonly AutoRoute[]; readonly upstreams: readonly AutoUpstream[] } {
  const before = new Map(previous.routes.map((route) => [route.id, route.upstream]));
  const taken = new Set<string>();
  const routes: AutoRoute[] = [];
  const upstreams: AutoUpstream[] = [];
  const groups = groupsOf(demands).sort((a, b) => rank(a, before) - rank(b, before));
  for (const group of groups) {
    const first = group.demands[0];
    if (!first) continue;
    const id = freeId(candidates(group, before), taken);
    taken.add(id);
    upstreams.push({ id, source: first.source, service: first.service, nodes: group.nodes });
    for (const { id: route, source, service, claim } of group.demands) {
      routes.push({ id: route, source, service, claim, upstream: id });
    }
  }
  return { routes: routes.sort(byId), upstreams: upstreams.sort(byId) };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function groupsOf(demands: readonly Demand[]): Group[] {
  const groups = new Map<string, Group>();
  for (const demand of [...demands].sort(byId)) {
    const { source, service, nodes } = demand;
    const key = JSON.stringify([source, service, membersOf(nodes)]);
    const group = groups.get(key) ?? { demands: [], nodes };
    groups.set(key, group);
    group.demands.push(demand);
  }
  return [...groups.values()];
}

const memberTexts = new WeakMap<readonly Node[], string>();

/** The same text for the same nodes in whatever order. A list of nodes never changes, so it is read once. */
function membersOf(nodes: readonly Node[]): string {
  const known = memberTexts.get(nodes);
  if (known !== undefined) return known;
  const members = nodes.map((node) => `${node.host} ${node.port} ${node.weight}`);
  const text = members.sort().join(',');
  memberTexts.set(nodes, text);
  return text;
}

function mainId(demand: Demand): string {
  return `auto:${demand.source}:${demand.service}`;
}

/** Groups that held the service's main id choose first, then those that held another, then new ones, the largest first. */
function rank(group: Group, before: ReadonlyMap<string, string>): number {
  const had = group.demands.map((demand) => [before.get(demand.id), mainId(demand)]);
  if (had.some(([id, main]) => id === main)) return -2_000_000 - group.nodes.length;
  if (had.some(([id]) => id !== undefined)) return -1_000_000 - group.nodes.length;
  return -group.nodes.length;
}

/** The first that is free. When none is, a number after the last one makes it so. */
function freeId(ids: readonly string[], taken: ReadonlySet<string>): string {
  const free = ids.find((id) => !taken.has(id));
  if (free !== undefined) return free;
  const last = ids.at(-1);
  let number = 2;
  while (taken.has(`${last}#${number}`)) number += 1;
  return `${last}#${number}`;
}

/** Ids in the order of preference: those it had, the main one, then one after each of its claims. */
function candidates(group: Group, before: ReadonlyMap<string, string>): string[] {
  const had = group.demands.map((demand) => before.get(demand.id)).filter((id) => id !== undefined);
  const mains = group.demands.map(mainId);
  const own = group.demands.map((demand) => `${mainId(demand)}:${claimKey(demand.claim)}`);
  return [...had.filter((id) => mains.includes(id)), ...had, ...mains, ...own];
}
