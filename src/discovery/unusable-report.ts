import type { Log } from '../core/log.ts';

/** Logs which instances of a service are left out because they can't be used: once, until that changes. */
export class UnusableReport {
  readonly #log: Log;
  readonly #source: string;
  readonly #service: string;
  #told = '';

  constructor(log: Log, source: string, service: string) {
    this.#log = log;
    this.#source = source;
    this.#service = service;
  }

  /** `unusable`: a clause for each, such as `instance "a" has no port`. */
  tell(unusable: readonly string[]): void {
    const report = unusable.join('; ');
    if (report !== this.#told && report !== '') {
      const text = `${this.#source} ${this.#service}: left out: ${report}`;
      this.#log.warn('discovery.unusable-instance', text, { service: this.#service });
    }
    this.#told = report;
  }
}
