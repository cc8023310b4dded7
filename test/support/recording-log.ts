import type { Log } from '../../src/core/log.ts';

export interface RecordedEvent {
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A log that keeps what it is told. */
export class RecordingLog implements Log {
  readonly events: RecordedEvent[] = [];
  readonly debug = this.#recorder('debug');
  readonly info = this.#recorder('info');
  readonly warn = this.#recorder('warn');
  readonly error = this.#recorder('error');

  /** The names of the events, in order. */
  get names(): string[] {
    return this.events.map(({ event }) => event);
  }

  #recorder(level: string): Log['info'] {
    return (event, message, fields = {}) => void this.events.push({ level, event, message, fields });
  }
}
