import { emptyName, type QueryFault, unknownArgument } from './query-fault.ts';
import type { ServiceQuery } from './types.ts';

/** Durations in milliseconds. */
export interface NacosOptions {
  /** Base addresses of the servers of one cluster. Tried in order. */
  readonly servers: readonly string[];
  /** Path of the API on every server, such as `/nacos/`. */
  readonly prefix: string;
  /** Longest time from one question to the next. */
  readonly fetchInterval: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly namespace: string;
  readonly group: string;
  /** Weight of an instance that has the weight 1 in Nacos; others are in proportion. */
  readonly weight: number;
  readonly connectTimeout: number;
  readonly readTimeout: number;
  /** Questions under way at once. */
  readonly concurrency: number;
  /** Whether servers are asked to tell of changes by UDP, and the port on which they do: 0 for any. */
  readonly push: boolean;
  readonly pushPort: number;
  /** Whether services are listed for automatic routes. */
  readonly catalog: boolean;
  /** Whether the instances of every service are looked at for routes in their metadata. */
  readonly metadataRoutes: boolean;
}

/** A service as Nacos names it. */
export interface NacosService {
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
  /** Clusters with commas between them; empty for all. */
  readonly clusters: string;
}

const NACOS_ARGS = ['namespace_id', 'group_name', 'cluster'];

/** Why the query can't be asked; null when it can. */
export function nacosQueryFault(query: ServiceQuery): QueryFault | null {
  return emptyName(query) ?? unknownArgument(query, NACOS_ARGS, `Nacos takes ${NACOS_ARGS.join(', ')}`);
}

/** `group@@name` names the group as well, as in Nacos itself. */
export function nacosService({ service, args }: ServiceQuery, options: NacosOptions): NacosService {
  const separator = service.indexOf('@@');
  const ownGroup = separator > 0 ? service.slice(0, separator) : undefined;
  return {
    namespace: args.namespace_id ?? options.namespace,
    group: args.group_name ?? ownGroup ?? options.group,
    name: separator > 0 ? service.slice(separator + 2) : service,
    clusters: args.cluster ?? '',
  };
}
