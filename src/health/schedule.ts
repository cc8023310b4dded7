import type { Clock, Timer } from '../core/clock.ts';

/** What the schedule needs to see of an entry; `place` is the schedule's own. */
export interface Scheduled {
  due: number;
  place: number;
}

/** Due times this close are served by one wake-up. */
const GRAIN_MS = 5;

/** Many due times, one system timer: a binary heap, earliest first. */
export class Schedule<T extends Scheduled> {
  readonly #clock: Clock;
  readonly #run: (entry: T) => void;
  readonly #heap: T[] = [];
  #timer: Timer | null = null;
  #wakesAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, run: (entry: T) => void) {
    this.#clock = clock;
    this.#run = run;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Runs `entry` once at `due`. It must not be in the schedule. */
  add(entry: T, due: number): void {
    entry.due = due;
    entry.place = this.#heap.length;
    this.#heap.push(entry);
    this.#rise(entry);
    this.#arm();
  }

  remove(entry: T): void {
    const { place } = entry;
    if (place < 0) return;
    entry.place = -1;
    const last = this.#heap.pop()!;
    if (last === entry) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Drops every entry and the timer. */
  clear(): void {
    for (const entry of this.#heap) entry.place = -1;
    this.#heap.length = 0;
    this.#timer?.cancel();
    this.#timer = null;
    this.#wakesAt = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || this.#wakesAt <= first.due + GRAIN_MS) return;
    this.#timer?.cancel();
    const wait = Math.max(GRAIN_MS, first.due - this.#clock.now());
    this.#wakesAt = this.#clock.now() + wait;
    this.#timer = this.#clock.after(wait, () => this.#wake());
  }

  #wake(): void {
    this.#timer = null;
    const now = this.#clock.now();
    for (let first = this.#heap[0]; first && first.due <= now; first = this.#heap[0]) {
      this.remove(first);
      this.#run(first);
    }
    this.#wakesAt = Number.POSITIVE_INFINITY;
    this.#arm();
  }

  #put(entry: T, place: number): void {
    this.#heap[place] = entry;
    entry.place = place;
  }

  #rise(entry: T): void {
    while (entry.place > 0) {
      const parent = this.#heap[(entry.place - 1) >> 1]!;
      if (parent.due <= entry.due) return;
      const { place } = entry;
      this.#put(entry, parent.place);
      this.#put(parent, place);
    }
  }

  #sink(entry: T): void {
    for (;;) {
      const left = 2 * entry.place + 1;
      let child = this.#heap[left];
      if (!child) return;
      const right = this.#heap[left + 1];
      if (right && right.due < child.due) child = right;
      if (entry.due <= child.due) return;
      const { place } = entry;
      this.#put(entry, child.place);
      this.#put(child, place);
    }
  }
}
