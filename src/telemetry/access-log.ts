import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { AccessEntry } from './access-entry.ts';
import { formatAccessLine } from './access-line.ts';
import { FileSink } from './line-sink.ts';
import { LineWriter } from './line-writer.ts';
import type { StreamEntry } from './stream-entry.ts';
import { formatStreamLine } from './stream-line.ts';

export type { AccessEnd, AccessEntry, AccessTry } from './access-entry.ts';

/** Takes finished requests. `record` neither throws nor waits, and reads the entry before it returns. */
export interface AccessLog {
  record(entry: AccessEntry): void;
}

/** The same for TCP streams and UDP sessions. */
export interface StreamAccessLog {
  recordStream(entry: StreamEntry): void;
}

export interface JsonAccessLogOptions {
  /** `stdout`, or the path of a file that is appended to. */
  readonly destination: string;
  readonly clock: Clock;
  /** Told once when lines begin to be lost, and once when they are no longer. */
  readonly log: Log;
  /** Bytes of lines held in memory at most. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 4 * 1024 * 1024;

/**
 * One JSON object a line. Each worker has its own and appends to the same destination. Whatever happens to the
 * destination later costs lines, which are counted and reported, and nothing else.
 */
export class JsonAccessLog implements AccessLog, StreamAccessLog, Closable {
  readonly #writer: LineWriter;

  private constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  /** Rejects with a HeadgateError that names the file when it can't be opened. */
  static async open(options: JsonAccessLogOptions): Promise<JsonAccessLog> {
    const { destination, clock, log, limit = DEFAULT_LIMIT } = options;
    try {
      const sink = await FileSink.open(destination, clock);
      return new JsonAccessLog(new LineWriter({ sink, clock, log, name: 'access-log', limit }));
    } catch (error) {
      throw new HeadgateError(
        `the access log ${destination} can't be opened: ${reasonOf(error)}; ` +
          'name a file in a directory that Headgate may write to, or "stdout"',
        { code: 'ACCESS_LOG_OPEN', source: 'self', cause: error },
      );
    }
  }

  record(entry: AccessEntry): void {
    this.#writer.append(formatAccessLine(entry));
  }

  recordStream(entry: StreamEntry): void {
    this.#writer.append(formatStreamLine(entry));
  }

  /** Lines lost since the start. */
  get dropped(): number {
    return this.#writer.dropped;
  }

  /** For log rotation: later lines go to a file newly opened under the same name. */
  reopen(): void {
    this.#writer.reopen();
  }

  /** Writes what is held; what is not written by `deadline` is dropped. */
  close(deadline: number): Promise<void> {
    return this.#writer.close(deadline);
  }
}
