import { watchFile } from '../config/file-watch.ts';
import { type LoadResult, loadFile, loadText } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { readConfigFile } from '../config/read.ts';
import type { Document } from '../config/types.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { sameData } from '../core/json.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { Gateway } from './gateway.ts';

/** A file that reads the same for this long is taken for whole. */
const STILL_MS = 50;
const MAX_READS = 40;

export interface ReloaderParts {
  readonly file: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  /** Lays what the command line decides over the file. */
  readonly complete: (document: Document) => Document;
}

/**
 * The configuration file: read once for the start, and applied again when it changes or when told to. It is watched from
 * before the first reading, so that no edit is lost in between. A bad file changes nothing.
 */
export class Reloader implements Closable {
  readonly #parts: ReloaderParts;
  readonly #watch: Closable;
  #gateway: Gateway | null = null;
  #changedEarly = false;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
    this.#watch = watchFile(parts.file, parts.clock, () => void this.reload());
  }

  /** Reads the file for the start. Throws a HeadgateError with a line per problem. */
  async load(): Promise<Document> {
    return this.#judge(await loadFile(this.#parts.file, this.#parts.environment));
  }

  #judge(result: LoadResult): Document {
    const { log, complete } = this.#parts;
    if (!result.ok) {
      const lines = result.problems.map((problem) => formatProblem(problem)).join('\n');
      throw new HeadgateError(`the configuration has errors\n${lines}`, { code: 'BAD_CONFIG', source: 'self' });
    }
    for (const warning of result.warnings) log.warn('config.warning', formatProblem(warning));
    return complete(result.document);
  }

  /** From now on changes are applied to this gateway; one that came before is applied now. */
  serve(gateway: Gateway): void {
    this.#gateway = gateway;
    if (this.#changedEarly) void this.reload();
  }

  /** One reload at a time; resolves when this one is applied or refused. */
  reload(): Promise<void> {
    this.#running = this.#running.then(() => this.#reload());
    return this.#running;
  }

  close(deadline: number): Promise<void> {
    this.#closed = true;
    return this.#watch.close(deadline);
  }

  async #reload(): Promise<void> {
    if (this.#closed) return;
    const gateway = this.#gateway;
    if (!gateway) {
      this.#changedEarly = true;
      return;
    }
    const { log, file } = this.#parts;
    try {
      gateway.reload(await this.#loadSettled());
      gateway.reloads.succeeded();
      log.info('config.reloaded', `${file} is applied`, { file });
    } catch (error) {
      gateway.reloads.failed();
      const text = error instanceof HeadgateError ? error.message : reasonOf(error);
      log.error('config.refused', `${file} is refused, the configuration in force stays: ${text}`, { file });
    }
  }

  /**
   * Many programs write a file in place: for a moment it is empty, or its first half, and both may be valid. So it is read
   * until it has stood still, and one with nothing in it is refused rather than taken for "no routes".
   */
  async #loadSettled(): Promise<Document> {
    const { file, environment, clock } = this.#parts;
    let read = await readConfigFile(file);
    for (let tries = 0; tries < MAX_READS; tries++) {
      await sleep(clock, STILL_MS);
      const again = await readConfigFile(file);
      if (sameData(read, again)) break;
      read = again;
    }
    if (!read.ok) return this.#judge({ ok: false, problems: [read.problem] });
    if (read.text.trim() === '') {
      throw new HeadgateError('the file is empty; to take every route away, write {}', {
        code: 'BAD_CONFIG',
        source: 'self',
      });
    }
    return this.#judge(loadText(read.text, file, environment));
  }
}
