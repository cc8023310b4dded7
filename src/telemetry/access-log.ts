import type { OUTCOMES } from '../balancers/types.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { formatAccessLine } from './access-line.ts';
import { FileSink } from './line-sink.ts';
import { LineWriter } from './line-writer.ts';

/** One try of a request on one node, in the order in which they were made. */
export interface AccessTry {
  /** `host:port`. */
  readonly node: string;
  readonly outcome: (typeof OUTCOMES)[number];
  /** Time until the try was decided, in microseconds. */
  readonly micros: number;
}

/** Who ended an exchange, and in which phase: the first thing to look at when something went wrong. */
export interface AccessEnd {
  readonly by: 'client' | 'upstream' | 'self';
  /** The stage that was under way, such as `head`, `route`, `connect`, `send`, `wait`, `relay`, `done`. */
  readonly phase: string;
  /** Stable code of what happened; null when the exchange came to its end in order. */
  readonly cause: string | null;
}

/** What is known of one HTTP request when it is over. */
export interface AccessEntry {
  /** Wall-clock milliseconds at which the request's head was complete. */
  readonly time: number;
  /** Name of the listener, as configured. */
  readonly listener: string;
  /** The client's IP address. */
  readonly client: string;
  readonly method: string;
  readonly host: string;
  /** A query, if there is one, is not logged: queries hold secrets. */
  readonly path: string;
  /** `HTTP/1.1`, `websocket`, … */
  readonly protocol: string;
  /** Status sent to the client; 0 when none was sent. */
  readonly status: number;
  /** Body bytes from the client. */
  readonly bytesIn: number;
  /** Body bytes to the client. */
  readonly bytesOut: number;
  readonly durationMs: number;
  readonly route: string | null;
  readonly upstream: string | null;
  readonly tries: readonly AccessTry[];
  readonly end: AccessEnd;
}

/** Takes finished requests. `record` neither throws nor waits, and reads the entry before it returns. */
export interface AccessLog {
  record(entry: AccessEntry): void;
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
export class JsonAccessLog implements AccessLog, Closable {
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
