import { join } from 'node:path';
import type { DiscoverySettings, Document } from '../config/types.ts';
import { formatAddress, parseAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Closable, Scope } from '../core/scope.ts';
import { ConsulDiscovery } from '../discovery/consul.ts';
import { ConsulKvDiscovery } from '../discovery/consul-kv.ts';
import { EtcdDiscovery } from '../discovery/etcd.ts';
import { FileDiscovery } from '../discovery/file.ts';
import type { GuardOptions } from '../discovery/guard.ts';
import { KubernetesDiscovery } from '../discovery/kubernetes.ts';
import type { Discovery } from '../discovery/types.ts';
import { EmbeddedRegistry } from '../registry/server.ts';
import { consulKvOptions, etcdOptions, fileOptions, kubernetesOptions } from './cluster-discoveries.ts';

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
  const add = (discovery: Discovery & Closable) => discoveries.set(discovery.type, scope.own(discovery));
  const { kubernetes, file, consul_kv, etcd } = settings;
  const { log } = tools;
  if (kubernetes) add(new KubernetesDiscovery(kubernetesOptions(kubernetes), process.env, tools, log));
  if (file) add(new FileDiscovery(fileOptions(file), tools, log));
  if (consul_kv) add(new ConsulKvDiscovery(consulKvOptions(consul_kv), tools, log));
  if (etcd) add(new EtcdDiscovery(etcdOptions(etcd), tools, log));
  return discoveries;
}
