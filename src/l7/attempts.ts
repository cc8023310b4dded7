import { NO_HANDLES, type NodeHandle, type PickContext } from '../balancers/types.ts';
import { decideRetry, type FailureKind, type RetryDecision, type RetryLimits } from './retry.ts';

/** What an exchange has tried so far, and on what connection it is now. Reused. */
export class Attempts implements PickContext {
  hash = 0;
  now = 0;
  tried: readonly NodeHandle[] = NO_HANDLES;
  /** Nothing of the request was handed to the kernel on this connection. */
  nothingSent = true;
  #reused = false;
  #refreshed = 0;
  #repeated = 0;
  #moved = 0;

  reset(): void {
    this.nothingSent = true;
    this.#reused = false;
    this.#refreshed = 0;
    if (this.#moved === 0) return;
    this.tried = NO_HANDLES;
    this.#repeated = 0;
    this.#moved = 0;
  }

  /** The next try goes to a connection: one that was kept alive, or a new one. */
  on(reused: boolean): void {
    this.#reused = reused;
    this.nothingSent = true;
  }

  /** The same node will be tried on a new connection. */
  refresh(): void {
    this.#refreshed += 1;
  }

  /** Another node will be tried. */
  leave(handle: NodeHandle, kind: FailureKind): void {
    this.tried = [...this.tried, handle];
    this.#refreshed = 0;
    this.#moved += 1;
    if (kind !== 'connect' && !this.nothingSent) this.#repeated += 1;
  }

  decide(
    kind: FailureKind,
    request: { readonly method: string; readonly bodySent: boolean; readonly answerBegun: boolean },
    elapsedMs: number,
    limits: RetryLimits,
  ): RetryDecision {
    const { nothingSent } = this;
    const [reused, refreshed, repeated, moved] = [this.#reused, this.#refreshed, this.#repeated, this.#moved];
    return decideRetry({ kind, ...request, reused, nothingSent, refreshed, repeated, moved, elapsedMs }, limits);
  }
}
