import type { ServiceQuery } from './types.ts';

/** Durations in milliseconds. */
export interface EurekaOptions {
  /** Base addresses of the servers; a user with a password is sent as Basic authentication. Tried in order. */
  readonly servers: readonly string[];
  /** Path of the REST API on every server, such as `/eureka/`. */
  readonly prefix: string;
  /** From one question to the next. */
  readonly fetchInterval: number;
  /** The whole is read again so long after it was last. */
  readonly resync: number;
  /** Weight of an instance whose metadata states none. */
  readonly defaultWeight: number;
  readonly connectTimeout: number;
  readonly readTimeout: number;
  /** How long after its end a lease may still be listed: what the server takes to evict it and to refresh its answers. */
  readonly leaseSlack: number;
}

/** Which port of an instance takes the traffic. Without a choice the plain one, or the secure one where that is off. */
export type PortChoice = 'plain' | 'secure' | null;

/** Why the query can't be asked, for people; null when it can. */
export function eurekaQueryFault({ service, args }: ServiceQuery): string | null {
  if (service === '') return 'service_name is empty';
  const unknown = Object.keys(args).find((key) => key !== 'port');
  if (unknown !== undefined) return `discovery_args.${unknown} is not known: Eureka takes port`;
  const { port } = args;
  return port === undefined || port === 'plain' || port === 'secure'
    ? null
    : `discovery_args.port is "${port}": write plain or secure`;
}
