import { emptyName, QueryFault, unknownArgument } from './query-fault.ts';
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

/** Why the query can't be asked; null when it can. */
export function eurekaQueryFault(query: ServiceQuery): QueryFault | null {
  const { port } = query.args;
  const isGood = port === undefined || port === 'plain' || port === 'secure';
  return (
    emptyName(query) ??
    unknownArgument(query, ['port'], 'Eureka takes port') ??
    (isGood ? null : new QueryFault('port', `is "${port}"`, 'write plain or secure'))
  );
}
