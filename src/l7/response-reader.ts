import { ChunkedScanner, type ChunkedSink } from './chunked.ts';
import { Framing, type HeadLimits, ResponseHead } from './head.ts';
import { InputBuffer } from './input-buffer.ts';
import { parseResponseHead } from './response-head.ts';

/** A node's head may be larger than a client's: cookies and policies add up. */
const RESPONSE_LIMITS: HeadLimits = { maxBytes: 32 * 1024, maxFields: 200 };
/** Interim answers (1xx) that one request may bring. */
const MAX_INTERIM = 8;

/** Takes the parts of a response in the order in which they come. */
export interface ResponseSink {
  interim(head: ResponseHead): void;
  /** The final head. After a 101 the rest of the connection is not HTTP, and the reader leaves it alone. */
  response(head: ResponseHead): void;
  /** A part of the body; the memory is only lent. */
  responseBody(buffer: Buffer, start: number, end: number): void;
  /** A part of the body that did not come in one piece. One character is one byte. */
  responseText(text: string): void;
  responseEnd(): void;
}

const State = { idle: 0, head: 1, length: 2, chunked: 3, close: 4, switched: 5 } as const;
type State = (typeof State)[keyof typeof State];

/** Cuts what a node sends into the parts of one response after the other. One per upstream connection. */
export class ResponseReader implements ChunkedSink {
  readonly head = new ResponseHead();
  readonly #partial = new InputBuffer();
  readonly #chunked = new ChunkedScanner();
  #sink: ResponseSink | null = null;
  #method = '';
  #decode = false;
  #state: State = State.idle;
  #left = 0;
  #interims = 0;
  /** Some byte of the response has arrived. */
  begun = false;
  /** Why the bytes are not a response; null while they are. */
  problem: string | null = null;

  /**
   * A request of this method is about to be sent; its response goes to `sink`. With `decode`, which is for clients that
   * know no chunks, a chunked body is reported without its framing and its trailers.
   */
  expect(method: string, decode: boolean, sink: ResponseSink): void {
    this.#sink = sink;
    this.#method = method;
    this.#decode = decode;
    this.#state = State.head;
    this.#interims = 0;
    this.begun = false;
  }

  /** No response is under way. */
  get idle(): boolean {
    return this.#state === State.idle;
  }

  /**
   * Reads from `buffer[start..end)`; returns how far. It stops early behind the end of the response, behind a 101, and
   * where it finds a `problem`.
   */
  read(buffer: Buffer, start: number, end: number): number {
    this.begun = true;
    let at = start;
    while (at < end && this.problem === null) {
      switch (this.#state) {
        case State.head:
          at = this.#readHead(buffer, at, end);
          break;
        case State.length:
          at = this.#readLength(buffer, at, end);
          break;
        case State.chunked:
          at = this.#readChunked(buffer, at, end);
          break;
        case State.close:
          this.#sink!.responseBody(buffer, at, end);
          return end;
        default:
          return at;
      }
    }
    return at;
  }

  /** The node has ended the connection. True when that is the end of the response, which is then reported. */
  eof(): boolean {
    if (this.#state !== State.close) return false;
    this.#end();
    return true;
  }

  /** A part of a chunked body, from the scanner. */
  raw(buffer: Buffer, start: number, end: number): void {
    this.#sink!.responseBody(buffer, start, end);
  }

  /** The trailer section, from the scanner. */
  text(text: string): void {
    this.#sink!.responseText(text);
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    if (this.#partial.length === 0) {
      const taken = parseResponseHead(buffer, start, end, RESPONSE_LIMITS, this.#method, this.head);
      if (taken > 0) return this.#headRead(start + taken);
      if (taken < 0) this.#refuse();
      else this.#partial.appendCopy(buffer, start, end);
      return end;
    }
    const before = this.#partial.length;
    this.#partial.appendCopy(buffer, start, end);
    const { bytes, start: from, end: to } = this.#partial;
    const taken = parseResponseHead(bytes, from, to, RESPONSE_LIMITS, this.#method, this.head);
    if (taken === 0) return end;
    this.#partial.clear();
    if (taken > 0) return this.#headRead(start + taken - before);
    this.#refuse();
    return end;
  }

  #headRead(bodyStart: number): number {
    const { head } = this;
    if (head.status === 101) {
      this.#state = State.switched;
      this.#sink!.response(head);
    } else if (head.status < 200) {
      this.#interims += 1;
      if (this.#interims > MAX_INTERIM) this.problem = 'too-many-interim-responses';
      else this.#sink!.interim(head);
    } else {
      this.#startBody();
    }
    return bodyStart;
  }

  #startBody(): void {
    const { head } = this;
    this.#sink!.response(head);
    if (head.framing === Framing.chunked) {
      this.#chunked.reset(this.#decode);
      this.#state = State.chunked;
    } else if (head.framing === Framing.close) {
      this.#state = State.close;
    } else if (head.framing === Framing.length && head.contentLength > 0) {
      this.#left = head.contentLength;
      this.#state = State.length;
    } else {
      this.#end();
    }
  }

  #readLength(buffer: Buffer, start: number, end: number): number {
    const stop = Math.min(end, start + this.#left);
    this.#left -= stop - start;
    this.#sink!.responseBody(buffer, start, stop);
    if (this.#left === 0) this.#end();
    return stop;
  }

  #readChunked(buffer: Buffer, start: number, end: number): number {
    const at = this.#chunked.scan(buffer, start, end, this);
    if (at < 0) this.problem = this.#chunked.error?.code ?? 'bad-chunked-body';
    else if (this.#chunked.done) this.#end();
    return at;
  }

  #end(): void {
    const sink = this.#sink!;
    this.#sink = null;
    this.#state = State.idle;
    sink.responseEnd();
  }

  #refuse(): void {
    this.problem = this.head.rejection?.code ?? 'bad-response';
  }
}
