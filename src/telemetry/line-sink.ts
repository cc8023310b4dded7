import { close, constants, fstatSync, open, write } from 'node:fs';
import { promisify } from 'node:util';
import { type Clock, sleep } from '../core/clock.ts';

/** How far a write came. `error` is null when all of it is written. */
export interface WriteResult {
  /** Bytes written before the error. */
  readonly written: number;
  readonly error: Error | null;
}

/** Where lines go. One call at a time. */
export interface LineSink {
  /** Never rejects. `text` is ASCII and ends with a newline. */
  write(text: string): Promise<WriteResult>;
  /**
   * Opens the destination anew, for log rotation. False when there is nothing to open. Rejects and keeps the old one when
   * that fails.
   */
  reopen(): Promise<boolean>;
  /** Gives up a write that waits for a reader. */
  abort(): void;
  close(): Promise<void>;
}

const openFile = promisify(open);
const closeFile = promisify(close);
const OPEN_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
const FILE_MODE = 0o640;
const STANDARD_OUTPUT = 1;
const NEWLINE = 0x0a;
/** Pause before a pipe that is full is tried again, in milliseconds. */
const FULL_PIPE_PAUSE = 20;
/** POSIX's PIPE_BUF on Linux: a write up to this size is not mixed with other writers' (pipe(7)). */
const PIPE_WRITE = 4096;

/** An open file, device, pipe or socket that several threads write whole lines to. */
class Descriptor {
  readonly fd: number;
  readonly #maxWrite: number;
  /** The last batch ended inside a line. */
  #torn = false;

  constructor(fd: number) {
    this.fd = fd;
    const stat = fstatSync(fd);
    this.#maxWrite = stat.isFIFO() || stat.isSocket() ? PIPE_WRITE : Number.POSITIVE_INFINITY;
  }

  /** `waitForReader` answers whether to try again. */
  async write(text: string, waitForReader: () => Promise<boolean>): Promise<WriteResult> {
    const lead = this.#torn ? 1 : 0;
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text, 'latin1');
    let written = 0;
    let error: NodeJS.ErrnoException | null = null;
    while (written < bytes.length && error === null) {
      const result = await this.#writeOnce(bytes, written, this.#endOfWrite(bytes, written));
      if (typeof result === 'number') written += result;
      else if (result.code !== 'EAGAIN' || !(await waitForReader())) error = result;
    }
    if (written > 0) this.#torn = bytes[written - 1] !== NEWLINE;
    return { written: Math.max(0, written - lead), error };
  }

  #endOfWrite(bytes: Buffer, start: number): number {
    const limit = start + this.#maxWrite;
    if (limit >= bytes.length) return bytes.length;
    const newline = bytes.lastIndexOf(NEWLINE, limit - 1);
    return newline >= start ? newline + 1 : bytes.indexOf(NEWLINE, limit) + 1;
  }

  #writeOnce(bytes: Buffer, start: number, end: number): Promise<number | NodeJS.ErrnoException> {
    return new Promise((resolve) => {
      write(this.fd, bytes, start, end - start, null, (error, count) => resolve(error ?? count));
    });
  }
}

/**
 * A file that workers append to, or standard output.
 *
 * A file gets each batch in one `write` call, which O_APPEND makes whole. A pipe gets pieces that are whole, and is never
 * waited for inside a `write`: that would hold a thread of the pool which all workers' file access and name look-up share.
 */
export class FileSink implements LineSink {
  /** Null for standard output. */
  readonly #path: string | null;
  readonly #clock: Clock;
  readonly #aborted = new AbortController();
  #file: Descriptor;

  private constructor(path: string | null, clock: Clock, file: Descriptor) {
    this.#path = path;
    this.#clock = clock;
    this.#file = file;
  }

  /** `stdout`, or the path of a file. Rejects with the system's error when that can't be opened. */
  static async open(destination: string, clock: Clock): Promise<FileSink> {
    if (destination === 'stdout') return new FileSink(null, clock, new Descriptor(STANDARD_OUTPUT));
    return new FileSink(destination, clock, await openDescriptor(destination));
  }

  write(text: string): Promise<WriteResult> {
    return this.#file.write(text, async () => {
      await sleep(this.#clock, FULL_PIPE_PAUSE, this.#aborted.signal);
      return !this.#aborted.signal.aborted;
    });
  }

  /** Standard output stays what it is: whoever started the process rotates it. */
  async reopen(): Promise<boolean> {
    if (this.#path === null) return false;
    const fresh = await openDescriptor(this.#path);
    const old = this.#file;
    this.#file = fresh;
    await closeFile(old.fd);
    return true;
  }

  abort(): void {
    this.#aborted.abort();
  }

  async close(): Promise<void> {
    if (this.#path !== null) await closeFile(this.#file.fd);
  }
}

async function openDescriptor(path: string): Promise<Descriptor> {
  return new Descriptor(await openFile(path, OPEN_FLAGS, FILE_MODE));
}
