import { ChunkedScanner, type ChunkedSink } from './chunked.ts';
import { Framing, type RequestHead } from './head.ts';
import type { InputBuffer } from './input-buffer.ts';
import type { MessageWriter } from './message-writer.ts';

/**
 * The body of a request on its way from the client's input to the node. What goes out has exactly the length that was
 * declared, or consists of chunks that have been checked.
 */
export class RequestBody implements ChunkedSink {
  /** Everything was taken from the client. */
  complete = true;
  /** Bytes of the body taken so far, chunk lines included. */
  taken = 0;
  readonly #chunked = new ChunkedScanner();
  #framing: Framing = Framing.none;
  #left = 0;
  #out: MessageWriter | null = null;

  begin(head: RequestHead): void {
    this.#framing = head.framing;
    this.taken = 0;
    this.complete = head.framing === Framing.none;
    if (head.framing === Framing.length) this.#left = head.contentLength;
    else if (head.framing === Framing.chunked) this.#chunked.reset();
  }

  /** Moves what is there of the body from `input` to `out`, or to nowhere. False: it is malformed. */
  take(input: InputBuffer, out: MessageWriter | null): boolean {
    if (this.complete || input.length === 0) return true;
    return this.#framing === Framing.length ? this.#takeLength(input, out) : this.#takeChunked(input, out);
  }

  /** A stretch of the chunked body that goes on as it came, from the scanner. */
  raw(buffer: Buffer, start: number, end: number): void {
    this.taken += end - start;
    this.#out?.range(buffer, start, end);
  }

  /** The trailer section, from the scanner. */
  text(text: string): void {
    this.taken += text.length;
    this.#out?.text(text);
  }

  #takeLength(input: InputBuffer, out: MessageWriter | null): boolean {
    const count = Math.min(this.#left, input.length);
    out?.range(input.bytes, input.start, input.start + count);
    input.consume(count);
    this.taken += count;
    this.#left -= count;
    this.complete = this.#left === 0;
    return true;
  }

  #takeChunked(input: InputBuffer, out: MessageWriter | null): boolean {
    this.#out = out;
    const at = this.#chunked.scan(input.bytes, input.start, input.end, this);
    this.#out = null;
    if (at < 0) return false;
    input.consume(at - input.start);
    this.complete = this.#chunked.done;
    return true;
  }
}
