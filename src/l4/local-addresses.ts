import { networkInterfaces } from 'node:os';

/** Hosts that mean every address of the machine, and whether IPv6 is among them. */
const WILDCARDS: ReadonlyMap<string, boolean> = new Map([
  ['0.0.0.0', false],
  ['::', true],
]);

export function isWildcard(host: string): boolean {
  return WILDCARDS.has(host);
}

/** The addresses of this machine's interfaces that `wildcard` stands for, `::` for IPv4 too; IPv6 link-local ones with their zone. */
export function localAddresses(wildcard: string): readonly string[] {
  const withIpv6 = WILDCARDS.get(wildcard) ?? false;
  const found = new Set<string>();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const { address, family, scopeid } of addresses ?? []) {
      if (family === 'IPv4') found.add(address);
      else if (withIpv6) found.add(scopeid ? `${address}%${name}` : address);
    }
  }
  return [...found];
}
