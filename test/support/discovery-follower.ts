import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import type { Closable } from '../../src/core/scope.ts';
import { Catalogs } from '../../src/discovery/catalogs.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { Discovery, NodeSet, ServiceQuery } from '../../src/discovery/types.ts';
import { DEFAULT_GUARD } from './discovery-defaults.ts';
import { RecordingLog } from './recording-log.ts';

/** Everything between a registry and its node sets, as the control thread puts it together, on the real clock. */
export class Follower {
  readonly log: RecordingLog;
  readonly sets: NodeSets;
  readonly catalogs: Catalogs;
  readonly #discovery: Discovery & Closable;

  constructor(discovery: Discovery & Closable, log = new RecordingLog(), emptyHold = DEFAULT_GUARD.emptyHold) {
    this.log = log;
    this.#discovery = discovery;
    const discoveries = new Map([[discovery.type, discovery]]);
    const cache = new LastGoodCache(null, systemClock, log);
    const parts = { discoveries, guard: { ...DEFAULT_GUARD, emptyHold }, cache, clock: systemClock, log };
    this.sets = new NodeSets(parts);
    this.catalogs = new Catalogs(parts);
  }

  query(service: string, args: Record<string, string> = {}): ServiceQuery {
    return { source: this.#discovery.type, service, args };
  }

  /** Resolves as soon as what is known of the service is as wanted; a mere change of the reason is not told of, but looked for. */
  until(wanted: ServiceQuery, good: (set: NodeSet) => boolean): Promise<NodeSet> {
    return new Promise((resolve) => {
      const look = () => {
        const set = this.sets.get(wanted);
        if (!set || !good(set)) return;
        stop();
        clearInterval(timer);
        resolve(set);
      };
      const stop = this.sets.onChange(look);
      const timer = setInterval(look, 20);
      look();
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

/** Puts the median and the slowest of some times into the test's output. */
export function reportTimes(test: TestContext, what: string, times: readonly number[]): void {
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  test.diagnostic(`${what}: median ${median.toFixed(1)} ms, slowest ${sorted.at(-1)?.toFixed(1)} ms`);
}
