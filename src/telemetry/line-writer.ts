import { type Clock, sleep, type Timer } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { LineSink } from './line-sink.ts';

/** Lines wait this long for others, in milliseconds. */
const GATHER_MS = 100;
/** Characters that are worth a write of their own. */
const BATCH = 64 * 1024;
/** Pause after a failed write, in milliseconds. */
const RETRY_MS = 1000;
/** Time for a write to end that was given up, so that its lines are counted, in milliseconds. */
const GIVE_UP_MS = 100;
/** A reader that is too slow is reported this often, in milliseconds. */
const OVERFLOW_REPORT_MS = 60_000;

export interface LineWriterOptions {
  readonly sink: LineSink;
  readonly clock: Clock;
  readonly log: Log;
  /** Area of the events, such as `access-log`. */
  readonly name: string;
  /** Bytes held at most, those being written included; what comes above is dropped. */
  readonly limit: number;
}

/**
 * Writes lines in the background: many in one write, never more than `limit` bytes in memory, and whatever happens to
 * the destination costs lines, which are counted, and nothing else.
 */
export class LineWriter implements Closable {
  readonly #sink: LineSink;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #name: string;
  readonly #limit: number;
  #text = '';
  #lines = 0;
  #underWay = 0;
  #writing: Promise<void> | null = null;
  #timer: Timer | null = null;
  #pausedUntil = 0;
  #failing = false;
  #overflowReportAt = 0;
  #reopenWanted = false;
  #closing: Promise<void> | null = null;
  #dropped = 0;

  constructor(options: LineWriterOptions) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#name = options.name;
    this.#limit = options.limit;
  }

  /** Lines lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `line`: ASCII, with its newline. */
  append(line: string): void {
    if (this.#closing !== null) {
      this.#dropped += 1;
      return;
    }
    if (this.#text.length + this.#underWay + line.length > this.#limit) return this.#overflow();
    this.#text += line;
    this.#lines += 1;
    if (this.#writing !== null) return;
    if (this.#text.length >= BATCH && this.#clock.now() >= this.#pausedUntil) return this.#flush();
    this.#timer ??= this.#clock.after(GATHER_MS, () => this.#flush());
  }

  /** Opens the destination anew before the next write. */
  reopen(): void {
    this.#reopenWanted = true;
    if (this.#writing === null && this.#closing === null) this.#flush();
  }

  /** Writes what is left; at `deadline` the rest is dropped. */
  close(deadline: number): Promise<void> {
    this.#closing ??= this.#finish(deadline);
    return this.#closing;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#writing = this.#drain().finally(() => {
      this.#writing = null;
      if (this.#text !== '' && this.#closing === null) this.#waitForRetry();
    });
  }

  #waitForRetry(): void {
    const wait = Math.max(GATHER_MS, this.#pausedUntil - this.#clock.now());
    this.#timer ??= this.#clock.after(wait, () => this.#flush());
  }

  async #drain(): Promise<void> {
    for (;;) {
      if (this.#reopenWanted) await this.#reopen();
      const paused = this.#closing === null && this.#clock.now() < this.#pausedUntil;
      if (this.#text === '' || paused) return;
      const written = await this.#writeBatch();
      if (!written && this.#closing !== null) return;
    }
  }

  async #writeBatch(): Promise<boolean> {
    const batch = this.#text;
    const lines = this.#lines;
    this.#text = '';
    this.#lines = 0;
    this.#underWay = batch.length;
    const { written, error } = await this.#sink.write(batch);
    this.#underWay = 0;
    if (error === null) this.#succeeded();
    else this.#failed(error, lines - countLines(batch, written));
    return error === null;
  }

  async #reopen(): Promise<void> {
    this.#reopenWanted = false;
    try {
      if (!(await this.#sink.reopen())) return;
      this.#pausedUntil = 0;
      this.#log.info(`${this.#name}.reopened`, 'the log file was opened anew');
    } catch (error) {
      this.#log.warn(`${this.#name}.reopen-failed`, `the old log file stays in use: ${reasonOf(error)}`);
    }
  }

  #succeeded(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#log.info(`${this.#name}.recovered`, 'lines are written again', { dropped: this.#dropped });
  }

  #failed(error: Error, lost: number): void {
    this.#dropped += lost;
    this.#pausedUntil = this.#clock.now() + RETRY_MS;
    if (this.#failing) return;
    this.#failing = true;
    this.#log.warn(`${this.#name}.write-failed`, `lines are dropped until a write succeeds: ${reasonOf(error)}`);
  }

  #overflow(): void {
    this.#dropped += 1;
    const now = this.#clock.now();
    if (this.#failing || now < this.#overflowReportAt) return;
    this.#overflowReportAt = now + OVERFLOW_REPORT_MS;
    this.#log.warn(`${this.#name}.overflow`, 'lines are dropped because the destination takes them too slowly', {
      dropped: this.#dropped,
    });
  }

  async #finish(deadline: number): Promise<void> {
    this.#timer?.cancel();
    const done = new AbortController();
    const rest = this.#writeRest().finally(() => done.abort());
    await sleep(this.#clock, Math.max(0, deadline - this.#clock.now()), done.signal);
    if (done.signal.aborted) return this.#sink.close();
    this.#dropped += this.#lines;
    this.#text = '';
    this.#lines = 0;
    this.#sink.abort();
    await sleep(this.#clock, GIVE_UP_MS, done.signal);
    // A write that the system does not answer keeps its descriptor; nobody waits for it.
    void rest.then(() => this.#sink.close()).catch(() => {});
  }

  async #writeRest(): Promise<void> {
    await this.#writing;
    await this.#drain();
  }
}

function countLines(text: string, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
