import type { Clock } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/log.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import { DEFAULT_GUARD } from './discovery-defaults.ts';

/** For tests in which all nodes are in the configuration. */
export function noRegistries(clock: Clock, log: Log): NodeSets {
  const cache = new LastGoodCache(null, clock, log);
  return new NodeSets({ discoveries: new Map(), guard: DEFAULT_GUARD, cache, clock, log });
}
