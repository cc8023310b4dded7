import type { RouteClaim } from '../discovery/claims.ts';
import type { AutoRoutes, Demand, RouteConflict } from './auto-types.ts';

/**
 * Gives each claim to one service. Whoever had it in `previous` keeps it, so that a newcomer never takes traffic away;
 * among newcomers the first in the alphabet gets it. The same holds for instances of one service that want the same
 * requests treated differently.
 */
export function settleConflicts(
  demands: readonly Demand[],
  previous: AutoRoutes,
): { readonly granted: readonly Demand[]; readonly conflicts: readonly RouteConflict[] } {
  const title = titlesOf(previous);
  const queue = [...demands].sort((a, b) => title(b) - title(a) || (a.id < b.id ? -1 : 1));
  const holders = new Map<string, Demand[]>();
  const granted: Demand[] = [];
  const conflicts: RouteConflict[] = [];
  for (const demand of queue) {
    const place = placeOf(demand.claim);
    const present = holders.get(place) ?? [];
    holders.set(place, present);
    const rivals = present.filter((other) => overlap(other.claim, demand.claim));
    if (rivals.length === 0) {
      present.push(demand);
      granted.push(demand);
    }
    for (const rival of rivals) {
      conflicts.push({ claim: describe(demand.claim), holder: rival.id, refused: demand.id });
    }
  }
  return { granted, conflicts };
}

/** 2 for a route that was there, 1 for a service that had another route of the same place, 0 for a newcomer. */
function titlesOf(previous: AutoRoutes): (demand: Demand) => number {
  const owner = (route: Pick<Demand, 'source' | 'service' | 'claim'>) => {
    return JSON.stringify([route.source, route.service, placeOf(route.claim)]);
  };
  const routes = new Set(previous.routes.map((route) => route.id));
  const owners = new Set(previous.routes.map(owner));
  return (demand) => (routes.has(demand.id) ? 2 : Number(owners.has(owner(demand))));
}

/** Claims of different places never match with the same rank. */
function placeOf(claim: RouteClaim): string {
  return claim.kind === 'tcp'
    ? JSON.stringify(['tcp', claim.port, claim.sni])
    : JSON.stringify([claim.host, claim.uri, claim.priority]);
}

function overlap(a: RouteClaim, b: RouteClaim): boolean {
  if (a.kind === 'tcp' || b.kind === 'tcp') return a.kind === b.kind;
  if (a.methods.length === 0 || b.methods.length === 0) return true;
  return a.methods.some((method) => b.methods.includes(method));
}

function describe(claim: RouteClaim): string {
  if (claim.kind === 'tcp') return describeTcp(claim.port, claim.sni);
  const methods = claim.methods.length > 0 ? `${claim.methods.join(',')} ` : '';
  return `${methods}${claim.host ?? ''}${claim.uri}`;
}

function describeTcp(port: number | null, sni: string | null): string {
  const parts = [port === null ? null : `port ${port}`, sni === null ? null : `server name ${sni}`];
  return `tcp ${parts.filter((part) => part !== null).join(', ')}`;
}
