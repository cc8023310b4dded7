import { systemClock } from '../../src/core/clock.ts';
import type { Closable } from '../../src/core/scope.ts';
import { Catalogs } from '../../src/discovery/catalogs.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { Discovery, NodeSet, ServiceQuery } from '../../src/discovery/types.ts';
import { DEFAULT_GUARD } from './discovery-defaults.ts';
import type { RecordingLog } from './recording-log.ts';

/** Everything between a registry and its node sets, as the control thread puts it together. */
export class Follower {
  readonly log: RecordingLog;
  readonly sets: NodeSets;
  readonly catalogs: Catalogs;
  readonly #discovery: Discovery & Pick<Closable, 'close'>;

  constructor(discovery: Discovery & Closable, log: RecordingLog, emptyHold = 60_000) {
    const clock = systemClock;
    this.log = log;
    this.#discovery = discovery;
    const cache = new LastGoodCache(null, clock, log);
    const discoveries = new Map([[discovery.type, discovery]]);
    const parts = { discoveries, guard: { ...DEFAULT_GUARD, emptyHold }, cache, clock, log };
    this.sets = new NodeSets(parts);
    this.catalogs = new Catalogs(parts);
  }

  /** Resolves as soon as what is known of the service is as wanted. */
  until(wanted: ServiceQuery, good: (set: NodeSet) => boolean): Promise<NodeSet> {
    const now = this.sets.get(wanted);
    if (now && good(now)) return Promise.resolve(now);
    return new Promise((resolve) => {
      const stop = this.sets.onChange(() => {
        const set = this.sets.get(wanted);
        if (!set || !good(set)) return;
        stop();
        resolve(set);
      });
    });
  }

  count(wanted: ServiceQuery, nodes: number): Promise<NodeSet> {
    return this.until(wanted, (set) => set.state === 'ok' && set.nodes.length === nodes);
  }

  /** Resolves when the catalogue has the service with that tag. */
  listed(service: string, tag: string): Promise<void> {
    const has = () =>
      this.catalogs.get(this.#discovery.type)?.entries.some((e) => e.service === service && e.tags.includes(tag));
    if (has()) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.catalogs.onChange(() => {
        if (!has()) return;
        stop();
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    const deadline = systemClock.now() + 5_000;
    await Promise.all([this.sets.close(deadline), this.catalogs.close(deadline)]);
    await this.#discovery.close(deadline);
  }
}
