import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { RequestError } from './request-error.ts';
import type { Topic, Topics } from './topics.ts';

const DEFAULT_WAIT = 5 * 60_000;
const MAX_WAIT = 10 * 60_000;
const MAX_POLLS = 4_096;

/** Questions that wait for a change. */
export class LongPolls {
  readonly #topics: Topics;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #open = new Set<() => void>();
  #closed = false;

  constructor(topics: Topics, clock: Clock, random: Random) {
    this.#topics = topics;
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Resolves when the index of `topic` is above `since`, when `wait` milliseconds (0: five minutes) and up to a sixteenth
   * more have passed, when `gone` aborts, or when the registry closes. An index that this process never gave out comes
   * from the time before a restart: the client must see the present state, so there is no wait.
   */
  until(topic: Topic, since: number, wait: number, gone: AbortSignal): Promise<void> {
    const newer = this.#topics.index(topic) > since || since > this.#topics.current;
    if (since <= 0 || newer || this.#closed || gone.aborted) return Promise.resolve();
    if (this.#open.size >= MAX_POLLS) {
      throw new RequestError(429, `${MAX_POLLS} questions are waiting already; ask again later or without "index"`);
    }
    const bounded = Math.min(wait || DEFAULT_WAIT, MAX_WAIT);
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        waiter.cancel();
        this.#open.delete(finish);
        gone.removeEventListener('abort', finish);
        resolve();
      };
      const timer = this.#clock.after(bounded * (1 + this.#random.next() / 16), finish);
      const waiter = this.#topics.wait(topic, finish);
      this.#open.add(finish);
      gone.addEventListener('abort', finish, { once: true });
    });
  }

  /** Ends every wait; those who asked get the present state. */
  close(): void {
    this.#closed = true;
    for (const finish of [...this.#open]) finish();
  }
}
