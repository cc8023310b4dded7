const MAX_HEAD = 16_384;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n/;

/** How the length of a body is told (RFC 9112 §6.3). */
export type Framing =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' };

/** Where the final head has ended. */
export interface Head {
  readonly status: number;
  readonly framing: Framing;
  /** What came after the head, already. */
  readonly rest: Buffer;
}

/** Collects an answer's head, skipping interim ones (1xx other than 101), within one allowance of bytes. */
export class AnswerHead {
  #text = '';
  #room = MAX_HEAD;

  /** The head; null while it is not complete; a text that says what is wrong. */
  read(bytes: Buffer): Head | string | null {
    const taken = Math.min(this.#room, bytes.length);
    this.#text += bytes.toString('latin1', 0, taken);
    this.#room -= taken;
    for (;;) {
      const status = this.#status();
      if (status === null) return `the answer is not HTTP/1: ${JSON.stringify(this.#text.slice(0, 40))}`;
      const end = /\r?\n\r?\n/.exec(this.#text);
      if (!end || status === undefined) {
        return this.#room === 0 ? `the head of the answer is longer than ${MAX_HEAD} bytes` : null;
      }
      const after = this.#text.slice(end.index + end[0].length);
      if (status >= 200 || status === 101) {
        const rest = Buffer.concat([Buffer.from(after, 'latin1'), bytes.subarray(taken)]);
        return { status, framing: framingOf(this.#text.slice(0, end.index), status), rest };
      }
      this.#text = after;
    }
  }

  /** Undefined while the first line is not complete; null when it cannot become a status line. */
  #status(): number | undefined | null {
    const line = STATUS_LINE.exec(this.#text);
    if (line) return Number(line[1]);
    const start = this.#text.slice(0, 9);
    const possible = 'HTTP/1.1 '.startsWith(start) || 'HTTP/1.0 '.startsWith(start);
    return possible && !this.#text.includes('\n') ? undefined : null;
  }
}

function framingOf(head: string, status: number): Framing {
  if (status === 204 || status === 304) return { kind: 'length', length: 0 };
  if (/^transfer-encoding:.*\bchunked[ \t]*\r?$/im.test(head)) return { kind: 'chunked' };
  const length = /^content-length:[ \t]*(\d{1,15})[ \t]*\r?$/im.exec(head);
  return length ? { kind: 'length', length: Number(length[1]) } : { kind: 'close' };
}
