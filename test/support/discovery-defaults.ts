import type { ConsulKvOptions } from '../../src/discovery/consul-kv.ts';
import type { ConsulOptions } from '../../src/discovery/consul-options.ts';
import type { DnsOptions } from '../../src/discovery/dns-options.ts';
import type { EtcdOptions } from '../../src/discovery/etcd-client.ts';
import type { EurekaOptions } from '../../src/discovery/eureka-options.ts';
import type { GuardOptions } from '../../src/discovery/guard.ts';
import type { KubernetesOptions } from '../../src/discovery/kubernetes-options.ts';
import type { NacosOptions } from '../../src/discovery/nacos-options.ts';

/** What the configuration has where it says nothing. */
export const DEFAULT_GUARD: GuardOptions = {
  minNodes: 5,
  shrinkPercent: 50,
  shrinkHold: 30_000,
  emptyHold: 60_000,
};

export const DEFAULT_CONSUL: Omit<ConsulOptions, 'servers'> = {
  token: null,
  datacenter: null,
  namespace: null,
  partition: null,
  passingOnly: true,
  consistency: 'default',
  cached: false,
  defaultWeight: 1,
  wait: 60_000,
  connectTimeout: 2_000,
  timeout: 5_000,
  concurrency: 8,
  maxWatches: 170,
  pollInterval: 5_000,
  pollRate: 25,
};

export const DEFAULT_DNS: Omit<DnsOptions, 'servers'> = {
  resolvConf: null,
  order: ['SRV', 'A', 'AAAA'],
  minTtl: 1_000,
  maxTtl: 60_000,
  timeout: 2_000,
  attempts: 2,
  hold: { nxdomain: 30_000, empty: 'drop', servfail: 'keep', timeout: 'keep' },
};

export const DEFAULT_EUREKA: Omit<EurekaOptions, 'servers'> = {
  prefix: '/eureka/',
  fetchInterval: 30_000,
  resync: 60_000,
  defaultWeight: 100,
  connectTimeout: 2_000,
  readTimeout: 5_000,
  leaseSlack: 120_000,
};

export const DEFAULT_NACOS: Omit<NacosOptions, 'servers'> = {
  prefix: '/nacos/',
  fetchInterval: 30_000,
  username: null,
  password: null,
  namespace: 'public',
  group: 'DEFAULT_GROUP',
  weight: 100,
  connectTimeout: 2_000,
  readTimeout: 5_000,
  concurrency: 16,
  push: true,
  pushPort: 0,
  catalog: false,
  metadataRoutes: false,
};

export const DEFAULT_KUBERNETES: KubernetesOptions = {
  place: {
    scheme: 'https',
    host: null,
    port: null,
    token: null,
    tokenFile: null,
    caFile: null,
    kubeconfig: null,
    context: null,
  },
  namespaces: { equal: null, notEqual: null, match: [], notMatch: [] },
  labelSelector: null,
  scope: 'namespace',
  autoRoutes: false,
  defaultWeight: 1,
  connectTimeout: 2_000,
  timeout: 10_000,
  watchTimeout: 60_000,
  concurrency: 8,
};

export const DEFAULT_ETCD: Omit<EtcdOptions, 'servers'> = {
  user: null,
  tls: { ca: null, clientCertificate: null, serverName: null, verify: true },
  prefix: '/headgate/upstreams/',
  defaultWeight: 1,
  connectTimeout: 2_000,
  timeout: 5_000,
  watchTimeout: 60_000,
};

export const DEFAULT_CONSUL_KV: Omit<ConsulKvOptions, 'servers'> = {
  token: null,
  datacenter: null,
  prefix: 'upstreams/',
  defaultWeight: 1,
  wait: 60_000,
  connectTimeout: 2_000,
  timeout: 5_000,
};
