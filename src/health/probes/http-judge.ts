import type { Pattern, Search } from '../../core/pattern.ts';
import type { ProbeResult, ProbeVerdict } from '../types.ts';
import { broken } from './attempt.ts';
import { BodyReader } from './body-reader.ts';
import { AnswerHead, type Head } from './http-answer.ts';

export interface Expectations {
  readonly method: string;
  readonly healthyStatuses: readonly number[];
  readonly unhealthyStatuses: readonly number[];
  /** What the body must match; null when it does not matter. */
  readonly body: Pattern | null;
  /** Bytes of the body that are looked at. */
  readonly bodyLimit: number;
}

/** Reads one answer no further than it must, and judges it. */
export class HttpJudge {
  readonly #expectations: Expectations;
  readonly #elapsed: () => string;
  readonly #head = new AnswerHead();
  /** "200 in 3 ms": of the head. */
  #summary = '';
  #body: BodyReader | null = null;
  #search: Search | null = null;
  #room: number;
  #found = false;

  constructor(expectations: Expectations, elapsed: () => string) {
    this.#expectations = expectations;
    this.#elapsed = elapsed;
    this.#room = expectations.bodyLimit;
  }

  /** Null while the answer does not decide it. */
  read(bytes: Buffer): ProbeResult | null {
    if (this.#body) return this.#readBody(bytes);
    const head = this.#head.read(bytes);
    if (head === null) return null;
    return typeof head === 'string' ? broken(head) : this.#judgeHead(head);
  }

  /** The connection has ended; null when that was too early. */
  ended(): ProbeResult | null {
    return this.#body?.endsWithConnection ? this.#judgeWhole() : null;
  }

  #judgeHead({ status, framing, rest }: Head): ProbeResult | null {
    this.#summary = `${status} in ${this.#elapsed()}`;
    const verdict = this.#verdictOf(status);
    const { body, method } = this.#expectations;
    if (verdict !== 'success' || body === null) return { verdict, detail: this.#summary };
    this.#search = body.search();
    const bodiless = method === 'HEAD';
    this.#body = new BodyReader(bodiless ? { kind: 'length', length: 0 } : framing, (bytes) => this.#look(bytes));
    return this.#readBody(rest);
  }

  #verdictOf(status: number): ProbeVerdict {
    const { healthyStatuses, unhealthyStatuses } = this.#expectations;
    if (healthyStatuses.includes(status)) return 'success';
    return unhealthyStatuses.includes(status) ? 'status' : 'neutral';
  }

  #readBody(bytes: Buffer): ProbeResult | null {
    const wellFormed = this.#body!.read(bytes);
    if (this.#found) return this.#match();
    if (!wellFormed) return broken(`${this.#summary}, but the chunks of the body are malformed`);
    if (this.#body!.ended) return this.#judgeWhole();
    return this.#room > 0 ? null : this.#mismatch(`the first ${this.#expectations.bodyLimit} bytes do not match`);
  }

  #look(bytes: Buffer): void {
    const piece = bytes.subarray(0, this.#room);
    this.#room -= piece.length;
    this.#found ||= this.#search!.feed(piece);
  }

  #judgeWhole(): ProbeResult {
    this.#found ||= this.#search!.finish();
    return this.#found ? this.#match() : this.#mismatch('the body does not match');
  }

  #match(): ProbeResult {
    return { verdict: 'success', detail: `${this.#summary}, the body matches` };
  }

  #mismatch(reason: string): ProbeResult {
    return { verdict: 'status', detail: `${this.#summary}, but ${reason}` };
  }
}
