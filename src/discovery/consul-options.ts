import { HeadgateError } from '../core/errors.ts';
import type { Secret } from './tls-connector.ts';

/** Durations in milliseconds. */
export interface ConsulOptions {
  /**
   * Addresses of agents or servers of one datacentre, such as `http://127.0.0.1:8500`; a path is a prefix, and a user
   * with a password is sent as Basic authentication. Tried in order.
   */
  readonly servers: readonly string[];
  /** In a file, it is read for each question. */
  readonly token: Secret | null;
  /** Null for the agent's own. */
  readonly datacenter: string | null;
  /** Only the Enterprise version has namespaces and partitions; null for those of the token. */
  readonly namespace: string | null;
  readonly partition: string | null;
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
  /**
   * Services watched at once: each holds one connection, and Consul takes 200 from one address unless told otherwise.
   * Further services are polled.
   */
  readonly maxWatches: number;
  /** Between two questions for a service that is polled: those above `maxWatches`, and prepared queries. */
  readonly pollInterval: number;
  /** Questions per second for all polled services together; with many of them the interval grows. */
  readonly pollRate: number;
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
