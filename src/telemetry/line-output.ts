import { writeSync } from 'node:fs';
import type { Clock, Timer } from '../core/clock.ts';
import type { Closable } from '../core/scope.ts';

/** Pause before a full pipe is tried again, in milliseconds. */
const RETRY_MS = 20;
/** The same while the thread has nothing else to do. */
const BLOCKING_PAUSE_MS = 5;
/** How long the exit of the process waits for a reader, in milliseconds. */
const EXIT_WAIT_MS = 2000;
/** Characters held for a slow reader at most. */
const LIMIT = 1024 * 1024;

/**
 * Events on standard output (or another descriptor), from the main thread.
 *
 * Written at once, so that the last words of a process that dies are not lost; what a full pipe does not take is held
 * and written later, at the latest when the process exits. A reader that is gone, or too slow for good, loses lines.
 */
export class LineOutput implements Closable {
  readonly isTTY: boolean;
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #held: Buffer[] = [];
  readonly #atExit = () => this.#finish(this.#clock.now() + EXIT_WAIT_MS);
  #size = 0;
  #timer: Timer | null = null;
  #closed = false;
  #dropped = 0;

  constructor(clock: Clock, fd: 1 | 2 = 1) {
    this.#fd = fd;
    this.#clock = clock;
    // Making the stream is what makes a pipe non-blocking, for every thread that writes to the descriptor.
    this.isTTY = (fd === 1 ? process.stdout : process.stderr).isTTY === true;
    process.on('exit', this.#atExit);
  }

  /** Lines lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `text`: one line with its newline. Never throws. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#closed || this.#size + bytes.length > LIMIT) {
      this.#dropped += 1;
      return;
    }
    this.#held.push(bytes);
    this.#size += bytes.length;
    if (this.#timer === null) this.#drain();
  }

  /**
   * Writes what is held and takes no more; what is not written by `deadline` is lost. It blocks: this is the last thing
   * to close, and the timers of a `Clock` would not keep the process from ending before.
   */
  close(deadline: number): Promise<void> {
    if (!this.#closed) this.#finish(deadline);
    return Promise.resolve();
  }

  #finish(deadline: number): void {
    this.#closed = true;
    this.#timer?.cancel();
    process.removeListener('exit', this.#atExit);
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (!this.#writeHeld() && this.#clock.now() < deadline) Atomics.wait(pause, 0, 0, BLOCKING_PAUSE_MS);
    this.#forget();
  }

  #drain(): void {
    this.#timer = null;
    if (!this.#writeHeld()) this.#timer = this.#clock.after(RETRY_MS, () => this.#drain());
  }

  /** False when the reader has to make room first. */
  #writeHeld(): boolean {
    for (let first = this.#held[0]; first; first = this.#held[0]) {
      try {
        const written = writeSync(this.#fd, first);
        this.#size -= written;
        if (written === first.length) this.#held.shift();
        else this.#held[0] = first.subarray(written);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
        this.#forget();
      }
    }
    return true;
  }

  #forget(): void {
    this.#dropped += this.#held.length;
    this.#held.length = 0;
    this.#size = 0;
  }
}
