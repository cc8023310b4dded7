import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';
import type { Closable } from '../core/scope.ts';

/** As Node.js wants it: 16 bytes of name, 16 to authenticate with, 16 to encrypt with. */
const KEY_BYTES = 48;
/**
 * Life of a key. Who learns it can read connections by TLS 1.2 that were recorded within that time. A ticket is good for five
 * minutes, and Node.js knows one key at a time: at each change clients with a ticket make one handshake from the beginning.
 */
const LIFE_MS = 3_600_000;

/** Draws the key of session tickets, at once and then every hour. It is nowhere but in memory. */
export class TicketKeys implements Closable {
  readonly #clock: Clock;
  readonly #onDrawn: (key: Uint8Array) => void;
  #timer: Timer;

  constructor(clock: Clock, onDrawn: (key: Uint8Array) => void) {
    this.#clock = clock;
    this.#onDrawn = onDrawn;
    this.#timer = this.#draw();
  }

  close(): Promise<void> {
    this.#timer.cancel();
    return Promise.resolve();
  }

  #draw(): Timer {
    this.#onDrawn(new Uint8Array(randomBytes(KEY_BYTES)));
    return this.#clock.after(LIFE_MS, () => {
      this.#timer = this.#draw();
    });
  }
}
