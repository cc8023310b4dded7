import type { ConsulOptions } from '../../src/discovery/consul-options.ts';
import type { GuardOptions } from '../../src/discovery/guard.ts';

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
