import type { Readable } from 'node:stream';
import { answerError } from './json-body.ts';

/** An object with a thousand endpoints is about half a megabyte. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;

/** The lines of a response that goes on: a watch answers with one JSON object on each. */
export class LineStream {
  readonly #body: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  /** The beginning of a line whose end has not come. */
  #partial: Buffer[] = [];
  #partialBytes = 0;

  constructor(body: Readable) {
    // A body that is given up half-read ends with an error of its own, which nobody waits for.
    body.on('error', () => {});
    this.#body = body;
    this.#chunks = body[Symbol.asyncIterator]();
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
      for (;;) {
        const { value: chunk, done } = await this.#chunks.next();
        if (done) return this.#ended();
        const lines = this.#split(chunk);
        if (lines.length > 0) return lines.map(parse);
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  close(): void {
    this.#body.destroy();
  }

  #ended(): null {
    if (this.#partialBytes > 0) throw answerError('ended a watch in the middle of a line');
    return null;
  }

  #split(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...this.#partial, chunk.subarray(start, end)]).toString('utf8');
      this.#partial = [];
      this.#partialBytes = 0;
      if (line.trim() !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(rest: Buffer): void {
    this.#partial.push(rest);
    this.#partialBytes += rest.length;
    if (this.#partialBytes > MAX_LINE_BYTES)
      throw answerError(`sent a line of more than ${MAX_LINE_BYTES / 1024 / 1024} MiB`);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw answerError(`sent a line that is not JSON (beginning ${JSON.stringify(line.slice(0, 60))})`);
  }
}
