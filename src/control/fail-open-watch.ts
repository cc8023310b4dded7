import type { Clock, Timer } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { PlannedUpstream } from '../upstream/plan.ts';
import type { Publisher } from './publisher.ts';
import type { Statistics } from './statistics.ts';
import { isFailOpen } from './upstream-views.ts';

const LOOK_MS = 1000;

interface Seen {
  readonly plan: PlannedUpstream;
  readonly version: number;
  readonly failOpen: boolean;
}

/** Reports when an upstream begins to use nodes known to be bad, and when that is over. Looks only where something changed. */
export class FailOpenWatch {
  readonly #parts: {
    readonly clock: Clock;
    readonly log: Log;
    readonly statistics: Statistics;
    readonly publisher: Publisher;
  };
  readonly #seen = new Map<string, Seen>();
  #timer: Timer;

  constructor(parts: { clock: Clock; log: Log; statistics: Statistics; publisher: Publisher }) {
    this.#parts = parts;
    this.#timer = this.#schedule();
  }

  close(): void {
    this.#timer.cancel();
  }

  #schedule(): Timer {
    return this.#parts.clock.after(LOOK_MS, () => {
      this.#look();
      this.#timer = this.#schedule();
    });
  }

  #look(): void {
    const { publisher, statistics, clock } = this.#parts;
    for (const id of this.#seen.keys()) if (!publisher.upstreams.has(id)) this.#seen.delete(id);
    for (const [id, plan] of publisher.upstreams) {
      const version = statistics.table.version(plan.slot);
      const before = this.#seen.get(id);
      if (before && before.plan === plan && before.version === version) continue;
      const failOpen = isFailOpen(plan, statistics, clock.now());
      this.#seen.set(id, { plan, version, failOpen });
      if (failOpen !== (before?.failOpen ?? false)) this.#report(id, failOpen);
    }
  }

  #report(id: string, failOpen: boolean): void {
    const { log } = this.#parts;
    if (failOpen) {
      const message = `upstream ${id} has too few good nodes: all are used, those known to be bad too`;
      log.warn('upstream.fail-open', message, { upstream: id });
    } else log.info('upstream.fail-open-over', `upstream ${id} has enough good nodes again`, { upstream: id });
  }
}
