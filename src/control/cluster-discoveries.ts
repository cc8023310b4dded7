import type { ConsulKvSettings, EtcdSettings, FileSettings, KubernetesSettings } from '../config/types.ts';
import type { ConsulKvOptions } from '../discovery/consul-kv.ts';
import type { EtcdOptions } from '../discovery/etcd-client.ts';
import type { FileOptions } from '../discovery/file-services.ts';
import type { KubernetesOptions } from '../discovery/kubernetes-options.ts';
import { secretOf } from './consul-settings.ts';

const SECOND = 1000;

export function kubernetesOptions(settings: KubernetesSettings): KubernetesOptions {
  const { service, client, namespace_selector: selector, timeout } = settings;
  return {
    place: {
      scheme: service.schema,
      host: service.host ?? null,
      port: service.port ?? null,
      token: client.token ?? null,
      tokenFile: client.token_file ?? null,
      caFile: client.ca_file ?? null,
      kubeconfig: settings.kubeconfig ?? null,
      context: settings.context ?? null,
    },
    namespaces: {
      equal: selector.equal ?? null,
      notEqual: selector.not_equal ?? null,
      match: selector.match,
      notMatch: selector.not_match,
    },
    labelSelector: settings.label_selector ?? null,
    scope: settings.watch_scope,
    autoRoutes: settings.auto_routes,
    defaultWeight: settings.default_weight,
    connectTimeout: timeout.connect * SECOND,
    timeout: timeout.read * SECOND,
    watchTimeout: timeout.watch * SECOND,
    concurrency: settings.concurrency,
  };
}

export function fileOptions({ path, weight, interval }: FileSettings): FileOptions {
  return { path, defaultWeight: weight, interval: interval * SECOND };
}

export function consulKvOptions(settings: ConsulKvSettings): ConsulKvOptions {
  const { servers, token, token_file: tokenFile, datacenter, prefix, weight, timeout } = settings;
  return {
    servers,
    token: secretOf(token, tokenFile),
    datacenter: datacenter ?? null,
    prefix,
    defaultWeight: weight,
    wait: timeout.wait * SECOND,
    connectTimeout: timeout.connect * SECOND,
    timeout: timeout.read * SECOND,
  };
}

export function etcdOptions(settings: EtcdSettings): EtcdOptions {
  const { servers, user, password, ca_file: ca, cert_file: cert, key_file: key, prefix, weight, timeout } = settings;
  return {
    servers,
    user: user === undefined ? null : { name: user, password: password ?? '' },
    tls: {
      ca: ca === undefined ? null : { file: ca },
      clientCertificate: cert === undefined || key === undefined ? null : { cert: { file: cert }, key: { file: key } },
      serverName: null,
      verify: true,
    },
    prefix,
    defaultWeight: weight,
    connectTimeout: timeout.connect * SECOND,
    timeout: timeout.read * SECOND,
    watchTimeout: timeout.watch * SECOND,
  };
}
