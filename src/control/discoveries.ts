import { join } from 'node:path';
import type { DiscoverySettings, Document, EurekaSettings, NacosSettings } from '../config/types.ts';
import { formatAddress, parseAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Scope } from '../core/scope.ts';
import { ConsulDiscovery } from '../discovery/consul.ts';
import { EurekaDiscovery } from '../discovery/eureka.ts';
import type { EurekaOptions } from '../discovery/eureka-options.ts';
import type { GuardOptions } from '../discovery/guard.ts';
import { NacosDiscovery } from '../discovery/nacos.ts';
import type { NacosOptions } from '../discovery/nacos-options.ts';
import type { Discovery } from '../discovery/types.ts';
import { EmbeddedRegistry } from '../registry/server.ts';

const SECOND = 1000;
/** The embedded registry is in this process and keeps as many questions waiting, and some more for others. */
const OWN_WATCHES = 4000;

export interface Tools {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function guardOptions(settings: DiscoverySettings): GuardOptions {
  const { min_nodes, shrink_percent, shrink_hold, empty_hold } = settings.guard;
  return {
    minNodes: min_nodes,
    shrinkPercent: shrink_percent,
    shrinkHold: shrink_hold * SECOND,
    emptyHold: empty_hold * SECOND,
  };
}

/** Starts the embedded registry if the configuration has one. Resolves with its URL, or null. */
export async function startRegistry(
  document: Document,
  stateDirectory: string | null,
  scope: Scope,
  tools: Tools,
): Promise<string | null> {
  if (!document.registry) return null;
  const address = parseAddress(document.registry.address) ?? { host: '127.0.0.1', port: 8500 };
  const stateFile = stateDirectory === null ? null : join(stateDirectory, 'registry.json');
  const registry = scope.own(new EmbeddedRegistry({ address, stateFile, ...tools }));
  return `http://${formatAddress(await registry.start())}`;
}

/** The adapters that the configuration asks for, by source. The embedded registry speaks Consul's protocol. */
export function createDiscoveries(
  settings: DiscoverySettings,
  registryUrl: string | null,
  scope: Scope,
  tools: Tools,
): ReadonlyMap<string, Discovery> {
  const discoveries = new Map<string, Discovery>();
  const consul = settings.consul;
  if (consul || registryUrl !== null) {
    const { clock, random, log } = tools;
    const servers = consul ? consul.servers : [registryUrl ?? ''];
    const own = registryUrl !== null && servers.every((server) => URL.parse(server)?.origin === registryUrl);
    const options = {
      servers,
      token: consul?.token ?? null,
      datacenter: consul?.datacenter ?? null,
      passingOnly: consul?.passing_only ?? true,
      consistency: consul?.stale === false ? ('default' as const) : ('stale' as const),
      cached: consul?.cached ?? false,
      defaultWeight: consul?.weight ?? 1,
      wait: (consul?.timeout.wait ?? 60) * SECOND,
      connectTimeout: (consul?.timeout.connect ?? 2) * SECOND,
      timeout: (consul?.timeout.read ?? 5) * SECOND,
      concurrency: consul?.concurrency ?? 16,
      maxWatches: own ? OWN_WATCHES : (consul?.max_watches ?? OWN_WATCHES),
    };
    discoveries.set('consul', scope.own(new ConsulDiscovery(options, { clock, random }, log)));
  }
  if (settings.eureka) {
    discoveries.set('eureka', scope.own(new EurekaDiscovery(eurekaOptions(settings.eureka), tools, tools.log)));
  }
  if (settings.nacos) {
    discoveries.set('nacos', scope.own(new NacosDiscovery(nacosOptions(settings.nacos), tools, tools.log)));
  }
  return discoveries;
}

/** What a server with its usual settings takes to evict an instance (60 s) and to show that (30 s), and some. */
const LEASE_SLACK = 120 * SECOND;

function eurekaOptions(eureka: EurekaSettings): EurekaOptions {
  return {
    servers: eureka.host,
    prefix: eureka.prefix,
    fetchInterval: eureka.fetch_interval * SECOND,
    defaultWeight: eureka.weight,
    connectTimeout: eureka.timeout.connect * SECOND,
    readTimeout: eureka.timeout.read * SECOND,
    leaseSlack: LEASE_SLACK,
  };
}

function nacosOptions(nacos: NacosSettings): NacosOptions {
  return {
    servers: nacos.host,
    prefix: nacos.prefix,
    fetchInterval: nacos.fetch_interval * SECOND,
    username: nacos.username ?? null,
    password: nacos.password ?? null,
    namespace: nacos.namespace_id,
    group: nacos.group_name,
    weight: nacos.weight,
    connectTimeout: nacos.timeout.connect * SECOND,
    readTimeout: nacos.timeout.read * SECOND,
    concurrency: nacos.concurrency,
    push: nacos.push,
    pushPort: nacos.push_port,
    catalog: nacos.metadata_routes || nacos.auto_route !== undefined,
    metadataRoutes: nacos.metadata_routes,
  };
}
