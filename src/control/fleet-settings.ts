import type { EurekaSettings, NacosSettings } from '../config/types.ts';
import type { EurekaOptions } from '../discovery/eureka-options.ts';
import type { NacosOptions } from '../discovery/nacos-options.ts';

const SECOND = 1000;

/** What a server with its usual settings takes to evict an instance (60 s) and to show that (30 s), and some. */
const LEASE_SLACK = 120 * SECOND;

export function eurekaOptions(eureka: EurekaSettings): EurekaOptions {
  return {
    servers: eureka.host,
    prefix: eureka.prefix,
    fetchInterval: eureka.fetch_interval * SECOND,
    resync: eureka.resync * SECOND,
    defaultWeight: eureka.weight,
    connectTimeout: eureka.timeout.connect * SECOND,
    readTimeout: eureka.timeout.read * SECOND,
    leaseSlack: LEASE_SLACK,
  };
}

export function nacosOptions(nacos: NacosSettings): NacosOptions {
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
