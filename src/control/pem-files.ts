import { readFileSync } from 'node:fs';
import { watchFile } from '../config/file-watch.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Closable } from '../core/scope.ts';

const MAX_PATH = 512;

/** Certificates and keys: as text, or in files that are watched. */
export interface PemSource {
  /** The PEM text that a value of the configuration means. Throws a HeadgateError that names `place` and the file. */
  read(value: string, place: string): string;
}

/** Takes every value for text. */
export const PEM_TEXT: PemSource = { read: (value) => value };

/** Calls `onChange` after the content of a file that was read has changed. */
export class PemFiles implements PemSource, Closable {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #watches = new Map<string, Closable>();

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  read(value: string, place: string): string {
    if (value.trimStart().startsWith('-----BEGIN')) return value;
    // What is too long for a path may be a key in another format: it is not repeated, and not looked for.
    if (value.length > MAX_PATH || value.includes('\n')) {
      throw new HeadgateError(`${place}: is neither PEM text nor the path of a file`, {
        code: 'BAD_CERTIFICATE',
        source: 'self',
      });
    }
    // Watched before it is read, so that no change is lost in between.
    if (!this.#watches.has(value)) this.#watches.set(value, watchFile(value, this.#clock, this.#onChange));
    try {
      return readFileSync(value, 'utf8');
    } catch (error) {
      throw new HeadgateError(`${place}: "${value}" is not PEM text and can't be read as a file: ${reasonOf(error)}`, {
        code: 'BAD_CERTIFICATE',
        source: 'self',
        cause: error,
      });
    }
  }

  async close(deadline: number): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.close(deadline)));
    this.#watches.clear();
  }
}
