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

/** Reads files as they are now. */
export const PEM_NOW: PemSource = {
  read: (value, place) => {
    if (isPemText(value)) return value;
    return readPemFile(pathOf(value, place), place);
  },
};

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
    if (isPemText(value)) return value;
    const path = pathOf(value, place);
    // Watched before it is read, so that no change is lost in between.
    if (!this.#watches.has(path)) this.#watches.set(path, watchFile(path, this.#clock, this.#onChange));
    return readPemFile(path, place);
  }

  async close(deadline: number): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.close(deadline)));
    this.#watches.clear();
  }
}

function isPemText(value: string): boolean {
  return value.trimStart().startsWith('-----BEGIN');
}

/** What is too long for a path may be a key in another format: it is not repeated, and not looked for. */
function pathOf(value: string, place: string): string {
  if (value.length <= MAX_PATH && !value.includes('\n')) return value;
  throw badCertificate(`${place}: is neither PEM text nor the path of a file`);
}

function readPemFile(path: string, place: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw badCertificate(`${place}: "${path}" is not PEM text and can't be read as a file: ${reasonOf(error)}`, error);
  }
}

function badCertificate(message: string, cause?: unknown): HeadgateError {
  return new HeadgateError(message, { code: 'BAD_CERTIFICATE', source: 'self', cause });
}
