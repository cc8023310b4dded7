import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

export interface RunEvent {
  /** Milliseconds. */
  readonly at: number;
  /** `outlier.ejected`, `breaker.open`, `health.unhealthy` …: what the gateway would have logged. */
  readonly event: string;
  /** `<host>:<port>` of the node that it is about; null when it is about the upstream. */
  readonly node: string | null;
  /** Nodes that were registered at that moment. */
  readonly registered: number;
}

/** Keeps what the gateway has to say of nodes and upstreams, with the virtual time. */
export class RunLog implements Log {
  readonly events: RunEvent[] = [];
  readonly #clock: Clock;
  readonly #registered: () => number;

  constructor(clock: Clock, registered: () => number) {
    this.#clock = clock;
    this.#registered = registered;
  }

  debug(): void {}

  info(event: string, _message: string, fields?: Record<string, unknown>): void {
    this.#keep(event, fields);
  }

  warn(event: string, _message: string, fields?: Record<string, unknown>): void {
    this.#keep(event, fields);
  }

  error(event: string, _message: string, fields?: Record<string, unknown>): void {
    this.#keep(event, fields);
  }

  count(event: string): number {
    return this.events.filter((entry) => entry.event === event).length;
  }

  #keep(event: string, fields: Record<string, unknown> = {}): void {
    const node = typeof fields.node === 'string' ? fields.node : null;
    this.events.push({ at: this.#clock.now(), event, node, registered: this.#registered() });
  }
}
