/** Lets at most `places` holders in at once; the others wait in order of arrival. */
export class Gate {
  readonly places: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  constructor(places: number) {
    this.places = places;
  }

  get full(): boolean {
    return this.#inside >= this.places;
  }

  /** True once inside: the caller must `leave`. False when `signal` aborted first: it must not. */
  enter(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (!this.full) {
      this.#inside += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const finish = (entered: boolean) => {
        this.#waiting.delete(admit);
        signal.removeEventListener('abort', give);
        resolve(entered);
      };
      const admit = () => finish(true);
      const give = () => finish(false);
      this.#waiting.add(admit);
      signal.addEventListener('abort', give, { once: true });
    });
  }

  /** Hands the place to the one that has waited longest. */
  leave(): void {
    for (const admit of this.#waiting) return admit();
    this.#inside -= 1;
  }
}
