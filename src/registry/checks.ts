import type { Clock, Timer } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Closable } from '../core/scope.ts';
import { CheckQuestions, type Finding } from './check-questions.ts';
import type { Check, CheckStatus } from './model.ts';
import type { RegistryStore } from './store.ts';

/** A first probe comes soon, so that a new service is in use soon, yet many of them do not come at once. */
const FIRST_PROBE_SPREAD = 100;
/** Bound on the output that a service may store with its check. */
const OUTPUT_LENGTH = 4_096;

interface Job {
  /** The next probe or the end of the time to live. */
  timer: Timer | null;
  /** Monotonic time at which a TTL check expires; 0 for other kinds. */
  expiresAt: number;
  reaper: Timer | null;
  readonly abort: AbortController;
  successes: number;
  failures: number;
}

/** Runs the checks of the store: probes, times to live, and the end of services that stay critical. */
export class CheckRunner implements Closable {
  readonly #store: RegistryStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #questions: CheckQuestions;
  readonly #jobs = new Map<string, Job>();

  constructor(store: RegistryStore, clock: Clock, random: Random, log: Log) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#questions = new CheckQuestions(clock);
  }

  /** Starts a check, or starts it anew with another definition. */
  add(check: Check): void {
    this.remove(check);
    const job: Job = {
      timer: null,
      expiresAt: 0,
      reaper: null,
      abort: new AbortController(),
      successes: 0,
      failures: 0,
    };
    this.#jobs.set(check.definition.id, job);
    const { source } = check.definition;
    if (source.kind === 'ttl') this.#armTtl(check, job, source.ttl);
    if (source.kind === 'http' || source.kind === 'tcp') {
      const wait = this.#random.next() * Math.min(FIRST_PROBE_SPREAD, source.interval);
      job.timer = this.#clock.after(wait, () => void this.#probe(check, job));
    }
    this.statusChanged(check);
  }

  remove(check: Check): void {
    const job = this.#jobs.get(check.definition.id);
    if (!job) return;
    this.#jobs.delete(check.definition.id);
    job.timer?.cancel();
    job.reaper?.cancel();
    job.abort.abort();
  }

  /** Arms or disarms the end of a service that is critical. */
  statusChanged(check: Check): void {
    const job = this.#jobs.get(check.definition.id);
    if (!job) return;
    job.reaper?.cancel();
    job.reaper = null;
    const { deregisterAfter } = check.definition;
    if (check.criticalSince === null || deregisterAfter <= 0) return;
    const wait = check.criticalSince + deregisterAfter - this.#clock.now();
    job.reaper = this.#clock.after(Math.max(0, wait), () => this.#reap(check));
  }

  /** A sign of life of a TTL check. False when the check is of another kind. */
  heartbeat(check: Check, status: CheckStatus, output: string): boolean {
    if (!this.touch(check)) return false;
    this.#record(check, status, output.slice(0, OUTPUT_LENGTH));
    return true;
  }

  /** Starts the time to live anew without a new status. False when the check is of another kind. */
  touch(check: Check): boolean {
    const { source, id } = check.definition;
    const job = this.#jobs.get(id);
    if (!job || source.kind !== 'ttl') return false;
    this.#armTtl(check, job, source.ttl);
    return true;
  }

  /** Milliseconds until a TTL check expires; null for other kinds. */
  remaining(check: Check): number | null {
    const job = this.#jobs.get(check.definition.id);
    return job && job.expiresAt > 0 ? Math.max(0, job.expiresAt - this.#clock.now()) : null;
  }

  /** Shortens the time to live to what was left of it before a restart. */
  resume(check: Check, remaining: number): void {
    const job = this.#jobs.get(check.definition.id);
    if (job && check.definition.source.kind === 'ttl') this.#armTtl(check, job, remaining);
  }

  async close(): Promise<void> {
    for (const check of this.#store.checks()) this.remove(check);
    await this.#questions.close();
  }

  #armTtl(check: Check, job: Job, ms: number): void {
    job.timer?.cancel();
    job.expiresAt = this.#clock.now() + ms;
    job.timer = this.#clock.after(ms, () => {
      const last = this.#store.check(check.definition.id)?.output ?? '';
      const output = last === '' ? 'TTL expired' : `TTL expired (last output before timeout follows): ${last}`;
      this.#record(check, 'critical', last.startsWith('TTL expired') ? last : output);
    });
  }

  async #probe(check: Check, job: Job): Promise<void> {
    const { source } = check.definition;
    if (source.kind !== 'http' && source.kind !== 'tcp') return;
    const finding = await this.#questions.ask(source, job.abort.signal);
    if (job.abort.signal.aborted) return;
    this.#judge(check, job, finding);
    if (job.abort.signal.aborted) return;
    job.timer = this.#clock.after(source.interval, () => void this.#probe(check, job));
  }

  /** A status takes effect once enough results in a row agree. */
  #judge(check: Check, job: Job, finding: Finding): void {
    const { failuresBeforeCritical, successBeforePassing } = check.definition;
    const bad = finding.status === 'critical';
    job.successes = bad ? 0 : job.successes + 1;
    job.failures = bad ? job.failures + 1 : 0;
    const decided = bad ? job.failures >= failuresBeforeCritical : job.successes >= successBeforePassing;
    if (decided) this.#record(check, finding.status, finding.output);
  }

  #record(check: Check, status: CheckStatus, output: string): void {
    const { id, serviceId } = check.definition;
    const before = this.#store.check(id);
    this.#store.setStatus(id, status, output);
    if (before && before.status !== status) {
      const message = `${serviceId}: check ${id} is ${status}: ${output.slice(0, 200)}`;
      const fields = { service: serviceId, check: id, status };
      if (status === 'critical') this.#log.warn('registry.check', message, fields);
      else this.#log.info('registry.check', message, fields);
    }
  }

  #reap(check: Check): void {
    const { serviceId, id } = check.definition;
    this.#log.warn('registry.reaped', `${serviceId} was deregistered: its check ${id} stayed critical for too long`, {
      service: serviceId,
      check: id,
    });
    this.#store.deregister(serviceId);
  }
}
