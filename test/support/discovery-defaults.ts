import type { ConsulKvOptions } from '../../src/discovery/consul-kv.ts';
import type { ConsulOptions } from '../../src/discovery/consul-options.ts';
import type { EtcdOptions } from '../../src/discovery/etcd-client.ts';
import type { GuardOptions } from '../../src/discovery/guard.ts';
import type { KubernetesOptions } from '../../src/discovery/kubernetes-options.ts';

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
  passingOnly: true,
  consistency: 'default',
  cached: false,
  defaultWeight: 1,
  wait: 60_000,
  connectTimeout: 2_000,
  timeout: 5_000,
  concurrency: 8,
  maxWatches: 170,
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
