import type { Clock, Timer } from '../core/clock.ts';

interface Entry {
  readonly at: number;
  /** Tasks of the same moment run in the order in which they were given. */
  readonly order: number;
  task: (() => void) | null;
}

const EPOCH = Date.UTC(2026, 0, 1);

/** Time that passes only as far as the next task: hours in seconds, and the same each time. */
export class VirtualClock implements Clock {
  #now = 1000;
  #order = 0;
  /** Binary heap, earliest first. */
  readonly #heap: Entry[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return EPOCH + this.#now;
  }

  after(ms: number, task: () => void): Timer {
    const entry: Entry = { at: this.#now + Math.max(0, ms), order: this.#order++, task };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return { cancel: () => void (entry.task = null) };
  }

  /** Moves to the next task that is due by `end` and runs it. False, and at `end`, when there is none. */
  step(end: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.at > end) {
        this.#now = Math.max(this.#now, end);
        return false;
      }
      this.#removeFirst();
      const { task } = first;
      if (task === null) continue;
      this.#now = Math.max(this.#now, first.at);
      task();
      return true;
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(place: number): void {
    const heap = this.#heap;
    const entry = heap[place]!;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  #sink(): void {
    const heap = this.#heap;
    const entry = heap[0]!;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, entry)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = entry;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
