/**
 * Something that holds sockets, timers or threads.
 *
 * `close` is idempotent, safe after a failed start, and resolves when everything is released. `deadline` is the time in
 * milliseconds on the monotonic clock after which work still under way is cut off.
 */
export interface Closable {
  close(deadline: number): Promise<void>;
}

/** Owns what it creates: closes its children once, the newest first. */
export class Scope implements Closable {
  readonly #children: Closable[] = [];
  #closing: Promise<void> | null = null;

  /** Registers a child and returns it. */
  own<T extends Closable>(child: T): T {
    this.#children.push(child);
    return child;
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#closeChildren(deadline);
    return this.#closing;
  }

  async #closeChildren(deadline: number): Promise<void> {
    const failures: unknown[] = [];
    for (let child = this.#children.pop(); child; child = this.#children.pop()) {
      try {
        await child.close(deadline);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not close cleanly');
  }
}
