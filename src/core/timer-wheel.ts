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
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #buckets: (WheelTimer | null)[] = new Array(BUCKETS).fill(null);
  readonly #start: number;
  #tick = 1;
  #size = 0;
  #system: Timer | null = null;
  #closed = false;

  constructor(clock: Clock, tickMs = 100) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#start = clock.now();
  }

  /** Fires `timer` about `ms` milliseconds from now; replaces the deadline that it had. 0 disarms it. */
  arm(timer: WheelTimer, ms: number): void {
    if (ms <= 0 || this.#closed) return this.disarm(timer);
    if (this.#system === null) this.#wake();
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

  #currentTick(): number {
    return Math.floor((this.#clock.now() - this.#start) / this.#tickMs) + 1;
  }

  /** After an idle time every bucket is empty, so the ticks that passed need no visit. */
  #wake(): void {
    this.#tick = Math.max(this.#tick, this.#currentTick());
    this.#schedule();
  }

  #schedule(): void {
    this.#system = this.#clock.after(this.#tickMs, () => {
      this.#advance(this.#currentTick());
      this.#system = null;
      if (this.#size > 0 && !this.#closed) this.#schedule();
    });
  }

  #advance(target: number): void {
    const expired: WheelTimer[] = [];
    const from = Math.max(this.#tick + 1, target - BUCKETS + 1);
    this.#tick = Math.max(this.#tick, target);
    for (let tick = from; tick <= target; tick++) this.#sweep(tick & (BUCKETS - 1), expired);
    for (const timer of expired) {
      if (timer.due !== FIRING) continue;
      timer.due = 0;
      timer.fire();
    }
  }

  #sweep(bucket: number, expired: WheelTimer[]): void {
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
