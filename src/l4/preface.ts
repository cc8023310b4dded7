import type { Socket } from 'node:net';
import { type TimerWheel, WheelTimer } from '../core/timer-wheel.ts';

/** What came of the first bytes: understood; the client left first; or more were awaited than time or bounds allow. */
export type PrefaceEnd = 'done' | 'closed' | 'timeout' | 'too-long';

export interface PrefaceOptions {
  readonly wheel: TimerWheel;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /**
   * Looks at all that came so far. Returns how many bytes are taken off the front when that is known, or, as a negative
   * number, how many there must be in all before it makes sense to ask again.
   */
  read(bytes: Buffer): number;
  /** Called once. The socket is paused, and what was not taken off is still to be read from it; on `closed` it is lost. */
  onEnd(end: PrefaceEnd): void;
}

const FIRST_BYTES = 2048;

/** Reads the first bytes of a connection that nobody has read from yet, and puts back those that belong to others. */
export class Preface {
  readonly #socket: Socket;
  readonly #options: PrefaceOptions;
  readonly #timer: WheelTimer;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;
  #needs = 1;

  constructor(socket: Socket, options: PrefaceOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#timer = new WheelTimer(() => this.#end('timeout', 0));
  }

  start(): void {
    const socket = this.#socket;
    this.#options.wheel.arm(this.#timer, this.#options.timeoutMs);
    socket.on('data', this.#onData);
    socket.on('end', this.#onClosed);
    socket.on('close', this.#onClosed);
    socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#append(chunk);
    if (this.#length < this.#needs) return;
    const taken = this.#options.read(this.#buffer.subarray(0, this.#length));
    if (taken >= 0) this.#end('done', taken);
    else if (-taken > this.#options.maxBytes) this.#end('too-long', 0);
    else this.#needs = -taken;
  };

  readonly #onClosed = (): void => {
    this.#end('closed', this.#length);
  };

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(FIRST_BYTES, this.#buffer.length * 2, length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
  }

  #end(end: PrefaceEnd, taken: number): void {
    const socket = this.#socket;
    this.#options.wheel.remove(this.#timer);
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('end', this.#onClosed);
    socket.off('close', this.#onClosed);
    if (taken < this.#length) socket.unshift(this.#buffer.subarray(taken, this.#length));
    this.#options.onEnd(end);
  }
}
