/** What a long poll can wait for. `service:` topics change alone, so that one service does not wake the watchers of another. */
export type Topic = 'catalog' | 'checks' | `service:${string}`;

/**
 * Change indices and who waits for them, after Consul's blocking queries: a question carries the index of the last
 * answer and waits until the index of its topic is higher.
 *
 * A service that does not exist has the index of the last one that vanished, so memory does not grow with names that were
 * ever used, and the index of a topic never goes backwards.
 */
export class Topics {
  readonly #indices = new Map<Topic, number>();
  readonly #waiters = new Map<Topic, Set<() => void>>();
  #current: number;
  #vanished: number;

  constructor(start: number) {
    this.#current = start;
    this.#vanished = start;
  }

  /** The highest index given out. */
  get current(): number {
    return this.#current;
  }

  index(topic: Topic): number {
    return this.#indices.get(topic) ?? this.#vanished;
  }

  /** The index that the next `changed` call gives to its topics. */
  advance(): number {
    this.#current += 1;
    return this.#current;
  }

  /** Marks `topics` as changed at the current index and wakes those who wait. */
  changed(topics: readonly Topic[]): void {
    for (const topic of topics) this.#indices.set(topic, this.#current);
    for (const topic of topics) this.#wake(topic);
  }

  /** Marks a service that has no instance any more. */
  vanished(topic: `service:${string}`): void {
    this.#vanished = this.#current;
    this.#indices.delete(topic);
    this.#wake(topic);
  }

  /** Calls `wake` once, at the next change of `topic`. */
  wait(topic: Topic, wake: () => void): { cancel(): void } {
    const waiters = this.#waiters.get(topic) ?? new Set();
    this.#waiters.set(topic, waiters);
    waiters.add(wake);
    return {
      cancel: () => {
        waiters.delete(wake);
        if (waiters.size === 0 && this.#waiters.get(topic) === waiters) this.#waiters.delete(topic);
      },
    };
  }

  #wake(topic: Topic): void {
    const waiters = this.#waiters.get(topic);
    if (!waiters) return;
    this.#waiters.delete(topic);
    for (const wake of waiters) wake();
  }
}
