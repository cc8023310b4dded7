import { readFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { LateFile } from '../core/late-file.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { OverrideRule } from './node-overrides.ts';

const FORMAT = 'headgate node overrides 1';
const WRITE_DELAY_MS = 100;
const MAX_BYTES = 16 * 1024 * 1024;

/** Decisions of operators on disk, so that they outlive a restart. */
export class OverridesFile implements Closable {
  readonly #path: string | null;
  readonly #log: Log;
  readonly #file: LateFile | null;

  /** Without a path nothing is kept beyond the process. */
  constructor(path: string | null, rules: () => readonly OverrideRule[], clock: Clock, log: Log) {
    this.#path = path;
    this.#log = log;
    const encode = () => `${JSON.stringify({ format: FORMAT, rules: rules() }, null, 2)}\n`;
    const onFailure = (error: unknown) => {
      log.error('overrides.not-kept', `what was decided about nodes can't be written to ${path}: ${reasonOf(error)}`);
    };
    this.#file = path === null ? null : new LateFile({ path, clock, encode, onFailure });
  }

  /** What an earlier process kept. Never rejects: a file that can't be used is reported. */
  async load(): Promise<readonly OverrideRule[]> {
    if (this.#path === null) return [];
    try {
      return decode(await readFile(this.#path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      this.#log.error('overrides.ignored', `${this.#path} is ignored: ${reasonOf(error)}`);
      return [];
    }
  }

  changed(): void {
    this.#file?.dirty(WRITE_DELAY_MS);
  }

  async close(deadline: number): Promise<void> {
    await this.#file?.close(deadline);
  }
}

function decode(bytes: Buffer): readonly OverrideRule[] {
  if (bytes.length > MAX_BYTES) throw new Error('the file is too large');
  const saved = JSON.parse(bytes.toString('utf8')) as { format?: unknown; rules?: unknown } | null;
  if (saved?.format !== FORMAT || !Array.isArray(saved.rules)) throw new Error('not a file of this version');
  return saved.rules as OverrideRule[];
}
