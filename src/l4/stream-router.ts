import { CidrSet, parseCidr } from '../core/cidr.ts';
import type { PlannedStreamRoute } from '../upstream/plan.ts';
import type { ConnectionPeers } from './peers.ts';
import { patternsOf } from './server-names.ts';

interface CompiledRoute {
  readonly route: PlannedStreamRoute;
  readonly server: CidrSet | null;
  readonly clients: CidrSet | null;
}

/**
 * Which stream route takes a connection on one listening port. Compiled once for each list of routes.
 *
 * The most specific route wins: one that names the server name that the client asks for, before one with a wildcard, of which
 * the longest comes first, before one that names none. Then one that names the server's address before one that does not,
 * then one that names the port, then the narrower range of clients, then one that names the protocol. Among equals,
 * the first in the list.
 */
export class StreamRouter {
  /** Whether a connection's server name must be known before it can be routed. */
  readonly readsServerName: boolean;
  /** By what they name: a name, or `*.suffix`. */
  readonly #named = new Map<string, CompiledRoute[]>();
  readonly #unnamed: readonly CompiledRoute[];

  constructor(routes: readonly PlannedStreamRoute[], serverPort: number, protocol: 'tcp' | 'udp' = 'tcp') {
    const compiled = routes
      .filter((route) => route.protocol === null || route.protocol === protocol)
      .filter((route) => route.serverPort === null || route.serverPort === serverPort)
      .sort(bySpecificity)
      .map((route) => ({
        route,
        server: route.serverAddr === null ? null : new CidrSet([route.serverAddr]),
        clients: route.remoteAddrs.length === 0 ? null : new CidrSet(route.remoteAddrs),
      }));
    this.#unnamed = compiled.filter(({ route }) => route.snis.length === 0);
    for (const each of compiled) {
      for (const name of each.route.snis) this.#named.set(name, [...(this.#named.get(name) ?? []), each]);
    }
    this.readsServerName = this.#named.size > 0;
  }

  /** `serverName` is in lower case; null when the client asks for none. */
  match(peers: ConnectionPeers, serverName: string | null = null): PlannedStreamRoute | null {
    if (serverName !== null && this.readsServerName) {
      for (const pattern of patternsOf(serverName)) {
        const route = firstFit(this.#named.get(pattern) ?? [], peers);
        if (route) return route;
      }
    }
    return firstFit(this.#unnamed, peers);
  }
}

function firstFit(routes: readonly CompiledRoute[], peers: ConnectionPeers): PlannedStreamRoute | null {
  for (const { route, server, clients } of routes) {
    if (server && !server.has(peers.localAddress ?? '')) continue;
    if (clients && !clients.has(peers.remoteAddress ?? '')) continue;
    return route;
  }
  return null;
}

function bySpecificity(a: PlannedStreamRoute, b: PlannedStreamRoute): number {
  return (
    Number(b.serverAddr !== null) - Number(a.serverAddr !== null) ||
    Number(b.serverPort !== null) - Number(a.serverPort !== null) ||
    narrowness(b.remoteAddrs) - narrowness(a.remoteAddrs) ||
    Number(b.protocol !== null) - Number(a.protocol !== null)
  );
}

/** Leading bits that the widest of the ranges fixes, out of 128; -1 when every client is meant. */
function narrowness(ranges: readonly string[]): number {
  let bits = ranges.length === 0 ? -1 : 128;
  for (const text of ranges) {
    const range = parseCidr(text);
    if (range) bits = Math.min(bits, range.family === 'ipv4' ? range.prefix + 96 : range.prefix);
  }
  return bits;
}
