import type { Readable } from 'node:stream';
import { answerError } from './json-body.ts';

/** An object with a thousand endpoints is about half a megabyte. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** Lines are taken in ahead of who asks for them up to this much. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;

/**
 * The lines of a response that goes on: a watch answers with one JSON object on each.
 *
 * They are taken in as they come, so that one question gets everything up to now: a thousand objects that change together
 * must not need a thousand questions, which are made at a bounded rate.
 */
export class LineStream {
  readonly #body: Readable;
  #lines: string[] = [];
  #waitingBytes = 0;
  /** The beginning of a line whose end has not come. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #failure: unknown = null;
  #wake: () => void = () => {};

  constructor(body: Readable) {
    this.#body = body;
    body.on('data', (chunk: Buffer) => this.#take(chunk));
    body.on('error', (error) => (this.#failure ??= error));
    // After the end, an error and `destroy` alike.
    body.on('close', () => this.#wake());
  }

  /**
   * The whole lines that have come in, as data; waits for the first. Null when the source has ended the answer in an orderly
   * way. Rejects when it is cut off, also within a line, or is not JSON; closes when `signal` aborts.
   */
  async next(signal: AbortSignal): Promise<readonly unknown[] | null> {
    const abort = () => this.close();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      while (this.#lines.length === 0) {
        if (this.#body.closed) return this.#ended();
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      const lines = this.#lines;
      this.#lines = [];
      this.#waitingBytes = 0;
      this.#body.resume();
      return lines.map(parse);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  close(): void {
    this.#body.destroy();
  }

  #ended(): null {
    if (this.#failure !== null) throw this.#failure;
    if (!this.#body.readableEnded) throw answerError('was not listened to any more');
    if (this.#partialBytes > 0) throw answerError('ended a watch in the middle of a line');
    return null;
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...this.#partial, chunk.subarray(start, end)]).toString('utf8');
      this.#partial = [];
      this.#partialBytes = 0;
      if (line.trim() !== '') this.#lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    this.#waitingBytes += chunk.length;
    if (this.#lines.length === 0) return;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#body.pause();
    this.#wake();
  }

  #keep(rest: Buffer): void {
    this.#partial.push(rest);
    this.#partialBytes += rest.length;
    if (this.#partialBytes <= MAX_LINE_BYTES) return;
    this.#failure ??= answerError(`sent a line of more than ${MAX_LINE_BYTES / 1024 / 1024} MiB`);
    this.close();
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw answerError(`sent a line that is not JSON (beginning ${JSON.stringify(line.slice(0, 60))})`);
  }
}
