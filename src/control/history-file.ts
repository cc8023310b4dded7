import { readFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { LateFile } from '../core/late-file.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { NodeHistory, type UpstreamHistory } from './node-history.ts';

const FORMAT = 'headgate node history 2';
const WRITE_DELAY_MS = 5_000;
/** A file above this was not written by us: at most 200 changes for each upstream. */
const MAX_BYTES = 256 * 1024 * 1024;

/** The history of node sets on disk, so that it outlives a restart. */
export class HistoryFile implements Closable {
  readonly history: NodeHistory;
  readonly #path: string | null;
  readonly #log: Log;
  readonly #file: LateFile | null;

  /** Without a path nothing is kept beyond the process. */
  constructor(path: string | null, clock: Clock, log: Log) {
    this.#path = path;
    this.#log = log;
    this.history = new NodeHistory(clock, () => this.#file?.dirty(WRITE_DELAY_MS));
    const onFailure = (error: unknown) => {
      log.warn('history.not-kept', `the history of node sets can't be written to ${path}: ${reasonOf(error)}`);
    };
    this.#file = path === null ? null : new LateFile({ path, clock, encode: () => this.#encode(), onFailure });
  }

  /** Reads what an earlier process remembered. Never rejects: a file that can't be used is reported and replaced later. */
  async load(): Promise<void> {
    if (this.#path === null) return;
    try {
      for (const [id, history] of decode(await readFile(this.#path))) this.history.restore(id, history);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.warn('history.ignored', `${this.#path} is ignored: ${reasonOf(error)}`);
    }
  }

  async close(deadline: number): Promise<void> {
    await this.#file?.close(deadline);
  }

  #encode(): string {
    return `${JSON.stringify({ format: FORMAT, upstreams: [...this.history.entries()] })}\n`;
  }
}

function decode(bytes: Buffer): readonly [string, UpstreamHistory][] {
  if (bytes.length > MAX_BYTES) throw new Error('the file is too large');
  const saved = JSON.parse(bytes.toString('utf8')) as { format?: unknown; upstreams?: unknown } | null;
  if (saved?.format !== FORMAT || !Array.isArray(saved.upstreams)) throw new Error('not a history of this version');
  return saved.upstreams.filter(isPair);
}

function isPair(pair: unknown): pair is [string, UpstreamHistory] {
  if (!Array.isArray(pair) || typeof pair[0] !== 'string') return false;
  const history = pair[1] as Partial<UpstreamHistory> | null;
  return Array.isArray(history?.nodes) && Array.isArray(history.entries);
}
