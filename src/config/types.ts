import type { Static } from 'typebox';
import type { adminSchema } from './schema/admin.ts';
import type { activeChecksSchema, checksSchema } from './schema/checks.ts';
import type { circuitBreakerSchema } from './schema/circuit-breaker.ts';
import type { consulSchema } from './schema/consul.ts';
import type { discoverySchema, guardSchema } from './schema/discovery.ts';
import type { dnsSchema } from './schema/dns.ts';
import type { dnsListenSchema } from './schema/dns-listen.ts';
import type { documentSchema } from './schema/document.ts';
import type { eurekaSchema } from './schema/eureka.ts';
import type { Filled } from './schema/field.ts';
import type { httpSchema } from './schema/http.ts';
import type { kubernetesSchema } from './schema/kubernetes.ts';
import type { logSchema } from './schema/log.ts';
import type { nacosSchema } from './schema/nacos.ts';
import type { nodeSchema } from './schema/node.ts';
import type { consulKvSchema, etcdSchema, fileSchema } from './schema/node-lists.ts';
import type { passiveChecksSchema } from './schema/passive.ts';
import type { registrySchema } from './schema/registry.ts';
import type { routeSchema } from './schema/route.ts';
import type { serviceSchema } from './schema/service.ts';
import type { shutdownSchema } from './schema/shutdown.ts';
import type { sslSchema } from './schema/ssl.ts';
import type { streamSchema } from './schema/stream.ts';
import type { streamRouteSchema } from './schema/stream-route.ts';
import type { subsetSchema } from './schema/subset.ts';
import type { inlineUpstreamSchema } from './schema/upstream.ts';

/**
 * The configuration as the rest of the program reads it: defaults filled in, short forms written out, ids as text. Times
 * are in seconds, names as in the file. What may be absent has no default.
 */

export type ConfigNode = Filled<typeof nodeSchema>;
export type PassiveChecks = Filled<typeof passiveChecksSchema>;
export type CircuitBreaker = Filled<typeof circuitBreakerSchema>;
export type Subset = Filled<typeof subsetSchema>;
export type Checks = Filled<typeof checksSchema>;
export type ActiveChecks = Filled<typeof activeChecksSchema>;

type FilledUpstream = Filled<typeof inlineUpstreamSchema>;
type FilledNodeSource = NonNullable<FilledUpstream['sources']>[number];

/** `nodes` is absent when they come from a registry: then `service_name` and `discovery_type` are there. */
export interface ConfigNodeSource extends Omit<FilledNodeSource, 'nodes'> {
  readonly nodes?: readonly ConfigNode[];
}

/** Says where its nodes come from as a source does, or has `sources`. */
export interface InlineUpstream extends Omit<FilledUpstream, 'nodes' | 'sources'> {
  readonly nodes?: readonly ConfigNode[];
  readonly sources?: readonly ConfigNodeSource[];
}

export interface Upstream extends InlineUpstream {
  readonly id: string;
}

/** Where traffic goes: at most one of `upstream` and `upstream_id` is there. */
interface Target {
  readonly upstream?: InlineUpstream;
  readonly upstream_id?: string;
}

interface ServiceTarget extends Target {
  readonly service_id?: string;
}

type Rewritten =
  | 'id'
  | 'sni'
  | 'snis'
  | 'uri'
  | 'uris'
  | 'host'
  | 'hosts'
  | 'remote_addr'
  | 'remote_addrs'
  | keyof ServiceTarget;

/** `hosts` and `remote_addrs` are empty where anything matches; `hosts` are in lower case. */
export interface Route extends Omit<Filled<typeof routeSchema>, Rewritten>, ServiceTarget {
  readonly id: string;
  readonly uris: readonly string[];
  readonly hosts: readonly string[];
  readonly remote_addrs: readonly string[];
}

export interface Service extends Omit<Filled<typeof serviceSchema>, Rewritten>, Target {
  readonly id: string;
  readonly hosts: readonly string[];
}

/** `snis` are in lower case, and empty where any connection matches. */
export interface StreamRoute extends Omit<Filled<typeof streamRouteSchema>, Rewritten>, ServiceTarget {
  readonly id: string;
  readonly remote_addrs: readonly string[];
  readonly snis: readonly string[];
}

export interface Ssl extends Omit<Filled<typeof sslSchema>, Rewritten> {
  readonly id: string;
  readonly snis: readonly string[];
}

export type AdminSettings = Filled<typeof adminSchema>;
export type DiscoverySettings = Filled<typeof discoverySchema>;
export type GuardSettings = Filled<typeof guardSchema>;
export type ConsulSettings = Filled<typeof consulSchema>;
export type DnsSettings = Filled<typeof dnsSchema>;
export type DnsListenSettings = Filled<typeof dnsListenSchema>;
export type EurekaSettings = Filled<typeof eurekaSchema>;
export type NacosSettings = Filled<typeof nacosSchema>;
export type ConsulKvSettings = Filled<typeof consulKvSchema>;
export type EtcdSettings = Filled<typeof etcdSchema>;
export type FileSettings = Filled<typeof fileSchema>;
export type KubernetesSettings = Filled<typeof kubernetesSchema>;
export type RegistrySettings = Filled<typeof registrySchema>;
export type LogSettings = Filled<typeof logSchema>;
export type ShutdownSettings = Filled<typeof shutdownSchema>;
export type HttpSettings = Filled<typeof httpSchema>;
export type StreamSettings = Filled<typeof streamSchema>;

type FilledDocument = Filled<typeof documentSchema>;
export type ListenSettings = Exclude<FilledDocument['listen'][number], string>;
export type StreamListenSettings = FilledDocument['stream_listen'][number];

/** A whole configuration. */
export interface Document
  extends Omit<FilledDocument, 'listen' | 'routes' | 'services' | 'upstreams' | 'stream_routes' | 'ssls'> {
  readonly listen: readonly ListenSettings[];
  readonly routes: readonly Route[];
  readonly services: readonly Service[];
  readonly upstreams: readonly Upstream[];
  readonly stream_routes: readonly StreamRoute[];
  readonly ssls: readonly Ssl[];
}

/** A whole configuration as it may be written: short forms allowed, defaults left out. */
export type DocumentInput = Static<typeof documentSchema>;
