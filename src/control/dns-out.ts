import type { Document } from '../config/types.ts';
import { type Address, parseAddress } from '../core/address.ts';
import type { Scope } from '../core/scope.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import { DnsServer } from '../dns/server.ts';
import { Zone } from '../dns/zone.ts';
import type { Assembly } from './assembly.ts';
import type { Tools } from './discoveries.ts';
import { dnsDirectory } from './dns-directory.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';

export interface DnsOutParts extends Tools {
  readonly document: Document;
  readonly statistics: Statistics;
  readonly nodeSets: NodeSets;
  readonly publisher: Publisher;
  readonly assembly: Assembly;
}

/** Starts the DNS listener if the configuration has one. Resolves with its address, or null. */
export async function startDns(parts: DnsOutParts, scope: Scope): Promise<Address | null> {
  const settings = parts.document.dns_listen;
  if (!settings) return null;
  const { clock, random, log, statistics, nodeSets, publisher, assembly } = parts;
  const directory = dnsDirectory({
    clock,
    table: statistics.table,
    nodeSets,
    plan: publisher,
    sourcesOf: (id) => assembly.sourcesOf(id),
  });
  const address = parseAddress(settings.address) ?? { host: '127.0.0.1', port: 8600 };
  return scope.own(new DnsServer(address, new Zone(settings, directory, random), clock, log)).start();
}
