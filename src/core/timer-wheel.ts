import type { Clock, Timer } from './clock.ts';

/** A deadline in a wheel. Reused by its owner: arming it again moves it. */
export class WheelTimer {
  readonly fire: () => void;
  /** Tick at which it fires; 0 when it is not armed. */
  due = 0;
  /** Tick at which its bucket comes up, never later than `due` while armed; 0 when it stands in no bucket. */
  standsAt = 0;
  previous: WheelTimer | null = null;
  next: WheelTimer | null = null;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

const BUCKETS = 512;
/** `due` of a timer between being taken from its bucket and being fired; disarming it then still counts. */
const FIRING = -1;

/**
 * Coarse deadlines for connections: one system timer for all, and to push a deadline back costs one store.
 *
 * A hashed wheel (Varghese and Lauck 1987, scheme 6) whose timers are moved lazily: one that was pushed back stays where
 * it is until its bucket comes up. A deadline fires up to two ticks late, never early.
 *
 * A wake-up counts for one tick however late it comes, so time in which the event loop stood still does not count. After
 * a stall every deadline would otherwise fire at once, before the sockets are read whose data arrived meanwhile, and one
 * armed at the end of the stall would fire too early, since to arm does not read the clock.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #buckets: (WheelTimer | null)[] = new Array(BUCKETS).fill(null);
  #tick = 1;
  #size = 0;
  #system: Timer | null = null;
  #closed = false;

  constructor(clock: Clock, tickMs = 100) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** Fires `timer` about `ms` milliseconds from now; replaces the deadline that it had. 0 disarms it. */
  arm(timer: WheelTimer, ms: number): void {
    if (ms <= 0 || this.#closed) return this.disarm(timer);
    if (this.#system === null) this.#schedule();
    timer.due = this.#tick + Math.ceil(ms / this.#tickMs) + 1;
    if (timer.standsAt !== 0) {
      if (timer.standsAt <= timer.due) return;
      this.#unlink(timer);
    }
    this.#insert(timer);
  }

  /** The timer keeps its place, which makes arming it again cheap, and is dropped when its bucket comes up. */
  disarm(timer: WheelTimer): void {
    timer.due = 0;
  }

  /** Takes the timer out for good: the wheel holds no reference to it any more. */
  remove(timer: WheelTimer): void {
    timer.due = 0;
    if (timer.standsAt !== 0) this.#unlink(timer);
  }

  /** Timers that stand in the wheel. */
  get size(): number {
    return this.#size;
  }

  close(): void {
    this.#closed = true;
    this.#system?.cancel();
    this.#system = null;
  }

  #schedule(): void {
    this.#system = this.#clock.after(this.#tickMs, () => {
      this.#tick += 1;
      const expired = this.#sweep(this.#tick & (BUCKETS - 1));
      this.#system = null;
      if (this.#size > 0) this.#schedule();
      for (const timer of expired) {
        if (timer.due !== FIRING) continue;
        timer.due = 0;
        timer.fire();
      }
    });
  }

  /** Empties a bucket: timers that were pushed back go to another one, those that are due are returned. */
  #sweep(bucket: number): WheelTimer[] {
    const expired: WheelTimer[] = [];
    let timer = this.#buckets[bucket] ?? null;
    while (timer) {
      const next = timer.next;
      this.#unlink(timer);
      if (timer.due > this.#tick) {
        this.#insert(timer);
      } else if (timer.due !== 0) {
        timer.due = FIRING;
        expired.push(timer);
      }
      timer = next;
    }
    return expired;
  }

  #insert(timer: WheelTimer): void {
    timer.standsAt = Math.min(timer.due, this.#tick + BUCKETS - 1);
    const bucket = timer.standsAt & (BUCKETS - 1);
    const head = this.#buckets[bucket] ?? null;
    timer.previous = null;
    timer.next = head;
    if (head) head.previous = timer;
    this.#buckets[bucket] = timer;
    this.#size += 1;
  }

  #unlink(timer: WheelTimer): void {
    if (timer.previous) timer.previous.next = timer.next;
    else this.#buckets[timer.standsAt & (BUCKETS - 1)] = timer.next;
    if (timer.next) timer.next.previous = timer.previous;
    timer.previous = null;
    timer.next = null;
    timer.standsAt = 0;
    this.#size -= 1;
  }
}
