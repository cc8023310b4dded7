import { join } from 'node:path';
import { watchFile } from '../config/file-watch.ts';
import type { DiscoverySettings, Document } from '../config/types.ts';
import { formatAddress, parseAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Closable, Scope } from '../core/scope.ts';
import { ConsulDiscovery } from '../discovery/consul.ts';
import { ConsulKvDiscovery } from '../discovery/consul-kv.ts';
import { DnsDiscovery } from '../discovery/dns.ts';
import { EtcdDiscovery } from '../discovery/etcd.ts';
import { EurekaDiscovery } from '../discovery/eureka.ts';
import { FileDiscovery } from '../discovery/file.ts';
import type { GuardOptions } from '../discovery/guard.ts';
import { KubernetesDiscovery } from '../discovery/kubernetes.ts';
import { NacosDiscovery } from '../discovery/nacos.ts';
import type { WatchFile } from '../discovery/resolv-conf-file.ts';
import type { Discovery } from '../discovery/types.ts';
import { EmbeddedRegistry } from '../registry/server.ts';
import { consulKvOptions, etcdOptions, fileOptions, kubernetesOptions } from './cluster-discoveries.ts';
import { consulOptions } from './consul-settings.ts';
import { dnsOptions } from './dns-settings.ts';
import { eurekaOptions, nacosOptions } from './fleet-settings.ts';

const SECOND = 1000;

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
  const add = (discovery: Discovery & Closable) => discoveries.set(discovery.type, scope.own(discovery));
  const { consul, dns, eureka, nacos, kubernetes, file, consul_kv, etcd } = settings;
  const { clock, log } = tools;
  const watch: WatchFile = (path, onChange) => watchFile(path, clock, onChange);
  if (consul || registryUrl !== null) add(new ConsulDiscovery(consulOptions(consul, registryUrl), tools, log));
  if (dns) add(new DnsDiscovery(dnsOptions(dns), tools, log, watch));
  if (eureka) add(new EurekaDiscovery(eurekaOptions(eureka), tools, log));
  if (nacos) add(new NacosDiscovery(nacosOptions(nacos), tools, log));
  if (kubernetes) add(new KubernetesDiscovery(kubernetesOptions(kubernetes), process.env, tools, log));
  if (file) add(new FileDiscovery(fileOptions(file), tools, log));
  if (consul_kv) add(new ConsulKvDiscovery(consulKvOptions(consul_kv), tools, log));
  if (etcd) add(new EtcdDiscovery(etcdOptions(etcd), tools, log));
  return discoveries;
}
