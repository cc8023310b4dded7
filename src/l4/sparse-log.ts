import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

const INTERVAL_MS = 10_000;

interface Kind {
  at: number;
  suppressed: number;
}

/** Reports of what can happen on every connection: the first of a kind at once, then at most one in ten seconds, with a count. */
export class SparseLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `fields.suppressed` says how many of the same event were left out since the last one. */
  warn(event: string, message: string, fields: Record<string, unknown>): void {
    const now = this.#clock.now();
    const kind = this.#kinds.get(event);
    if (kind && now - kind.at < INTERVAL_MS) {
      kind.suppressed += 1;
      return;
    }
    this.#kinds.set(event, { at: now, suppressed: 0 });
    this.#log.warn(event, message, { ...fields, suppressed: kind?.suppressed ?? 0 });
  }
}
