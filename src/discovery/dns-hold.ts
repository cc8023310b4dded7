import type { Clock, Timer } from '../core/clock.ts';
import { HeadgateError } from '../core/errors.ts';
import type { DnsOutcome, HoldPolicy } from './dns-options.ts';
import type { Node, NodeSink } from './types.ts';

/**
 * Decides what becomes of the nodes of one service when a question brings none.
 *
 * `keep` reports a failure, so the nodes stay and are shown as stale. `drop` reports no nodes, which the guard judges like
 * any change. A time does the first while the same outcome lasts, and at its end takes the nodes away for certain: what
 * was held here is not held again by the guard. Another outcome in between starts the time anew.
 */
export class DnsHold {
  readonly #policies: Readonly<Record<DnsOutcome, HoldPolicy>>;
  readonly #clock: Clock;
  readonly #sink: NodeSink;
  #streak: { readonly outcome: DnsOutcome; readonly until: number; readonly timer: Timer } | null = null;
  #over = false;

  constructor(policies: Readonly<Record<DnsOutcome, HoldPolicy>>, clock: Clock, sink: NodeSink) {
    this.#policies = policies;
    this.#clock = clock;
    this.#sink = sink;
  }

  present(nodes: readonly Node[], doubt: string | undefined): void {
    this.#end();
    this.#sink.set(nodes, doubt);
  }

  absent(outcome: DnsOutcome, message: string): void {
    const policy = this.#policies[outcome];
    if (this.#streak?.outcome !== outcome) this.#end();
    if (policy === 'drop' || this.#over) return this.#sink.set([]);
    if (policy !== 'keep') this.#streak ??= this.#begin(outcome, policy);
    this.#sink.fail(
      new HeadgateError(message + this.#note(), { code: `DNS_${outcome.toUpperCase()}`, source: 'upstream' }),
    );
  }

  close(): void {
    this.#end();
  }

  #begin(outcome: DnsOutcome, length: number) {
    const timer = this.#clock.after(length, () => {
      this.#over = true;
      this.#sink.set([], null);
    });
    return { outcome, until: this.#clock.now() + length, timer };
  }

  #end(): void {
    this.#streak?.timer.cancel();
    this.#streak = null;
    this.#over = false;
  }

  /** The same text for as long as the outcome lasts, so that it is logged once. */
  #note(): string {
    if (!this.#streak) return '; the nodes are kept';
    const end = this.#clock.wall() + this.#streak.until - this.#clock.now();
    return `; the nodes are kept until ${new Date(end).toISOString()}`;
  }
}
