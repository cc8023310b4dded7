import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { NacosDiscovery } from '../../src/discovery/nacos.ts';
import type { NacosOptions } from '../../src/discovery/nacos-options.ts';
import type { ServiceQuery } from '../../src/discovery/types.ts';
import { DEFAULT_NACOS } from './discovery-defaults.ts';
import { Follower } from './discovery-follower.ts';
import { RecordingLog } from './recording-log.ts';

/** A service of Nacos, as an upstream asks for it. */
export function nacosQuery(service: string, args: Record<string, string> = {}): ServiceQuery {
  return { source: 'nacos', service, args };
}

/** Follows real servers, with the settings of the configuration where nothing else is said. */
export function followNacos(
  servers: readonly string[],
  options: Partial<NacosOptions> = {},
  emptyHold?: number,
): Follower {
  const log = new RecordingLog();
  const settings = { ...DEFAULT_NACOS, servers, ...options };
  return new Follower(new NacosDiscovery(settings, { clock: systemClock, random: systemRandom }, log), log, emptyHold);
}
