import { HeadgateError } from '../core/errors.ts';
import type { ServiceQuery } from './types.ts';

/** Durations in milliseconds. */
export interface ConsulOptions {
  /**
   * Addresses of agents or servers of one datacentre, such as `http://127.0.0.1:8500`; a path is a prefix, and a user
   * with a password is sent as Basic authentication. Tried in order.
   */
  readonly servers: readonly string[];
  readonly token: string | null;
  /** Null for the agent's own. */
  readonly datacenter: string | null;
  /** False also takes instances whose checks warn. Critical ones never come in. */
  readonly passingOnly: boolean;
  /** `stale` lets every server answer, `consistent` makes the leader ask a quorum, `default` asks the leader. */
  readonly consistency: 'default' | 'stale' | 'consistent';
  /** Lets the agent answer from its cache. */
  readonly cached: boolean;
  /** Weight of an instance that registered none. */
  readonly defaultWeight: number;
  /** How long Consul may keep a question open. */
  readonly wait: number;
  /** For the connection to a server. */
  readonly connectTimeout: number;
  /** For a question that does not wait, and the slack over `wait` for one that does. */
  readonly timeout: number;
  /** Questions that do not wait under way at once. */
  readonly concurrency: number;
  /** Services watched at once: each holds one connection, and Consul takes 200 from one address unless told otherwise. */
  readonly maxWatches: number;
}

/** `discovery_args` of a Consul service. `tag` may list several, separated by commas: an instance must have all. */
const CONSUL_ARGS = ['tag', 'datacenter'] as const;

/** Why the query can't be asked, for people; null when it can. */
export function consulQueryFault(query: ServiceQuery): string | null {
  if (query.service === '') return 'service_name is empty';
  const unknown = Object.keys(query.args).find((key) => !(CONSUL_ARGS as readonly string[]).includes(key));
  return unknown === undefined
    ? null
    : `discovery_args.${unknown} is not known: Consul takes ${CONSUL_ARGS.join(', ')}`;
}

/** The servers as URLs without a trailing slash. Throws CONFIG_INVALID for what is not an http or https URL. */
export function consulServers(servers: readonly string[]): readonly URL[] {
  if (servers.length === 0) throw configError('discovery.consul.servers is empty: give at least one address');
  return servers.map((text, position) => {
    const url = URL.parse(text);
    if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
    // The text itself is not repeated: it may hold a password.
    throw configError(`discovery.consul.servers[${position}] is not a URL such as http://127.0.0.1:8500`);
  });
}

function configError(message: string): HeadgateError {
  return new HeadgateError(message, { code: 'CONFIG_INVALID', source: 'self' });
}

/** The part of the path that the position does not change, from `/v1` on; ends so that parameters can be appended. */
export function healthPath(options: ConsulOptions, query: ServiceQuery): string {
  const parameters = commonParameters(options, query.args.datacenter ?? options.datacenter);
  if (options.passingOnly) parameters.set('passing', '1');
  if (options.cached) parameters.set('cached', '');
  for (const tag of (query.args.tag ?? '').split(',')) {
    if (tag.trim() !== '') parameters.append('tag', tag.trim());
  }
  return `/v1/health/service/${encodeURIComponent(query.service)}?${parameters}`;
}

export function catalogPath(options: ConsulOptions): string {
  return `/v1/catalog/services?${commonParameters(options, options.datacenter)}`;
}

function commonParameters(options: ConsulOptions, datacenter: string | null): URLSearchParams {
  const parameters = new URLSearchParams();
  if (datacenter !== null) parameters.set('dc', datacenter);
  if (options.consistency !== 'default') parameters.set(options.consistency, '');
  return parameters;
}
