import type { Outcome } from '../balancers/types.ts';
import type { TableHandle } from '../upstream/handle.ts';

/** The use of one node by an exchange: counted in once, counted out once. Reused. */
export class NodeUse {
  handle: TableHandle | null = null;
  /** Bytes read from the node. */
  received = 0;
  #startedAt = 0;
  #micros = 0;

  begin(handle: TableHandle, now: number): void {
    this.handle = handle;
    this.received = 0;
    this.#startedAt = now;
    this.#micros = 0;
    handle.begin();
  }

  /** The answer has begun: that is the node's latency. */
  answered(now: number): void {
    this.#micros = Math.max(1, (now - this.#startedAt) * 1000);
    this.handle?.answered(this.#micros, now);
  }

  /** Microseconds to the answer; 0 when there was none. */
  get micros(): number {
    return this.#micros;
  }

  elapsedMicros(now: number): number {
    return (now - this.#startedAt) * 1000;
  }

  /** Counts the use out, unless that was done. `sent`: bytes written to the node. */
  end(outcome: Outcome, sent: number, now: number): void {
    const { handle } = this;
    if (handle === null) return;
    this.handle = null;
    handle.transferred(sent, this.received);
    handle.end(outcome, now);
  }
}
