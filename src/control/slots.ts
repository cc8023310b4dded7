/**
 * Gives rows of shared memory to names. A name keeps its row for as long as it is in use.
 *
 * What happens to a row that was given back is a matter of `reuse`. `late`: it waits for its old name, and goes to another
 * one only when no fresh row is left, the longest unused first. `soon`: it is the next to be given out, blank.
 */
export class SlotAllocator {
  readonly #capacity: number;
  readonly #reuse: 'late' | 'soon';
  readonly #slots = new Map<string, number>();
  /** Rows given back, oldest first, with the name that had them. */
  readonly #free = new Map<string, number>();
  #fresh = 0;

  constructor(capacity: number, reuse: 'late' | 'soon') {
    this.#capacity = capacity;
    this.#reuse = reuse;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(name: string): number | undefined {
    return this.#slots.get(name);
  }

  entries(): IterableIterator<[string, number]> {
    return this.#slots.entries();
  }

  /**
   * The row of a name. `blank` is true when the row held another name's numbers, or none: the caller clears it.
   * Null when every row is in use.
   */
  acquire(name: string): { readonly slot: number; readonly blank: boolean } | null {
    const held = this.#slots.get(name);
    if (held !== undefined) return { slot: held, blank: false };
    const own = this.#reuse === 'late' ? this.#free.get(name) : undefined;
    if (own !== undefined) {
      this.#free.delete(name);
      this.#slots.set(name, own);
      return { slot: own, blank: false };
    }
    const slot = this.#next();
    if (slot === null) return null;
    this.#slots.set(name, slot);
    return { slot, blank: true };
  }

  release(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    this.#free.set(name, slot);
  }

  #next(): number | null {
    if (this.#reuse === 'soon' || this.#fresh >= this.#capacity) {
      for (const [name, slot] of this.#free) {
        this.#free.delete(name);
        return slot;
      }
    }
    return this.#fresh < this.#capacity ? this.#fresh++ : null;
  }
}
