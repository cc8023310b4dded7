import { type FSWatcher, watch } from 'node:fs';
import { type Clock, sleep } from '../core/clock.ts';

/**
 * Notices that something stirs in a directory. The system does not report everything, such as network file systems and a
 * directory that was replaced, so `next` also ends after a while without a report.
 */
export class DirectoryChange {
  readonly #clock: Clock;
  readonly #watcher: FSWatcher | null;
  #stirred = false;
  #wake: (() => void) | null = null;

  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    this.#watcher = this.#watch(path);
  }

  /** Resolves at the first report since the last call, at once if there was one; after `ms`, or when `signal` aborts. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#stirred) {
      const woken = new AbortController();
      const wake = () => woken.abort();
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
      await sleep(this.#clock, ms, woken.signal);
      signal.removeEventListener('abort', wake);
      this.#wake = null;
    }
    this.#stirred = false;
  }

  close(): void {
    this.#watcher?.close();
    this.#wake?.();
  }

  #watch(path: string): FSWatcher | null {
    try {
      const watcher = watch(path, { persistent: false }, () => {
        this.#stirred = true;
        this.#wake?.();
      });
      return watcher.on('error', () => watcher.close());
    } catch {
      // Not there, or out of watches: the caller looks from time to time.
      return null;
    }
  }
}
