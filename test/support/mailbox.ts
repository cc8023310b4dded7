/** What happened, in order, for a test that waits for the next thing to happen. */
export class Mailbox<T> {
  readonly #messages: T[] = [];
  #waiting: ((message: T) => void)[] = [];

  put(message: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#messages.push(message);
  }

  next(): Promise<T> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Takes out what is there now. */
  drain(): T[] {
    return this.#messages.splice(0);
  }

  get size(): number {
    return this.#messages.length;
  }
}
