import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, settledBy, type Timer } from './clock.ts';
import type { Closable } from './scope.ts';

export interface LateFileParts {
  readonly path: string;
  readonly clock: Clock;
  /** What the file is to hold now. */
  readonly encode: () => string;
  /** Called when a write fails for the first time, and again only after one has succeeded. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * State that is written some time after it changed, in whole: to a file beside, which then takes the place of the old one,
 * so that a crash leaves one or the other. Changes in between are written together; one write at a time. A full disk or a
 * missing directory stops nothing.
 */
export class LateFile implements Closable {
  readonly #parts: LateFileParts;
  #timer: Timer | null = null;
  #dueAt = 0;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;
  #closed = false;

  constructor(parts: LateFileParts) {
    this.#parts = parts;
  }

  /** Something changed: it is written within `delay` milliseconds. */
  dirty(delay: number): void {
    const { clock } = this.#parts;
    const dueAt = clock.now() + delay;
    if (this.#closed || (this.#timer !== null && this.#dueAt <= dueAt)) return;
    this.#timer?.cancel();
    this.#dueAt = dueAt;
    this.#timer = clock.after(delay, () => {
      this.#timer = null;
      this.#write();
    });
  }

  /** Writes what is not written yet, and waits for it until `deadline`. */
  async close(deadline: number): Promise<void> {
    const { clock } = this.#parts;
    if (this.#timer !== null && !this.#closed) this.#write();
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = null;
    // A disk that does not answer must not hold up the end of the process; a second is left to one that does.
    await settledBy(clock, Math.max(deadline, clock.now() + 1000), this.#writing);
  }

  #write(): void {
    this.#writing = this.#writing.then(() => this.#replace());
  }

  async #replace(): Promise<void> {
    const { path, encode, onFailure } = this.#parts;
    try {
      await replaceFile(path, encode());
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) onFailure(error);
      this.#failing = true;
    }
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}.partial`;
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(partial, path);
}
