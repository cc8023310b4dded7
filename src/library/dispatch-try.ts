import type { Dispatcher } from 'undici';
import { Outcome } from '../balancers/types.ts';
import type { Clock } from '../core/clock.ts';
import type { TableHandle } from '../upstream/handle.ts';

const UNSENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

/** `unsent`: there was no connection. `broken`: it ended before anything of an answer, as a kept-alive one may. */
export type RetryKind = 'unsent' | 'broken';

/** One try of a request on one node: counts it in and out, and hands the rest to the caller's handler. */
export class DispatchTry implements Dispatcher.DispatchHandler {
  readonly #handle: TableHandle;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #clock: Clock;
  /** Tries another node. False when there is none, or the request can't be repeated. */
  readonly #retry: (kind: RetryKind, begun: boolean) => boolean;
  readonly #startedAt: number;
  #status = 0;
  #ended = false;
  #begun: boolean;

  /** `begun`: the caller's handler has had its `onRequestStart` in an earlier try. */
  constructor(
    handle: TableHandle,
    handler: Dispatcher.DispatchHandler,
    clock: Clock,
    retry: (kind: RetryKind, begun: boolean) => boolean,
    begun: boolean,
  ) {
    this.#handle = handle;
    this.#handler = handler;
    this.#clock = clock;
    this.#retry = retry;
    this.#begun = begun;
    this.#startedAt = clock.now();
    handle.begin();
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>): void {
    this.#answered(args[1]);
    args[3].once('close', () => this.#end(Outcome.success));
    this.#handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    if (args[1] >= 200) this.#answered(args[1]);
    this.#handler.onResponseStart?.(...args);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.#end(this.#status >= 500 ? Outcome.serverError : Outcome.success);
    this.#handler.onResponseEnd?.(...args);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    const code = codeOf(error);
    const kind = this.#kindOf(code);
    // undici may fail a request before there is a controller.
    const aborted = (controller as Dispatcher.DispatchController | null)?.aborted === true;
    this.#end(aborted ? Outcome.aborted : outcomeOf(code));
    if (!aborted && kind !== null && this.#retry(kind, this.#begun)) return;
    this.#handler.onResponseError?.(controller, error);
  }

  #kindOf(code: string): RetryKind | null {
    if (UNSENT.has(code)) return 'unsent';
    return BROKEN.has(code) && this.#status === 0 ? 'broken' : null;
  }

  #answered(status: number): void {
    this.#status = status;
    const now = this.#clock.now();
    this.#handle.answered(Math.max(1, (now - this.#startedAt) * 1000), now);
  }

  #end(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handle.end(outcome, this.#clock.now());
  }
}

function outcomeOf(code: string): Outcome {
  if (UNSENT.has(code)) return Outcome.connectFailure;
  return TIMEOUTS.has(code) ? Outcome.timeout : Outcome.reset;
}
