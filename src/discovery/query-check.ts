import { consulQueryFault } from './consul-query.ts';
import { dnsService } from './dns-options.ts';
import { eurekaQueryFault } from './eureka-options.ts';
import { readServiceName } from './kubernetes-options.ts';
import { nacosQueryFault } from './nacos-options.ts';
import { anyArgument, QueryFault } from './query-fault.ts';
import type { ServiceQuery } from './types.ts';

const CHECKS: Readonly<Record<string, (query: ServiceQuery) => unknown>> = {
  consul: consulQueryFault,
  consul_kv: anyArgument,
  dns: dnsService,
  etcd: anyArgument,
  eureka: eurekaQueryFault,
  file: anyArgument,
  kubernetes: readServiceName,
  nacos: nacosQueryFault,
};

/** Why the adapter of its source would refuse the query, found out without one; null when it would not. */
export function queryFault(query: ServiceQuery): QueryFault | null {
  const found = CHECKS[query.source]?.(query);
  return found instanceof QueryFault ? found : null;
}
