import { type Clock, sleep } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { jittered, type Random } from '../core/random.ts';
import type { Closable } from '../core/scope.ts';
import { Check, checkId } from './check.ts';
import { Lateness } from './lateness.ts';
import { probeOf } from './probes/of-plan.ts';
import { Schedule } from './schedule.ts';
import { TargetRecord } from './target-record.ts';
import { Turns } from './turns.ts';
import type { ActiveCheckPlan, HealthState, HealthTarget, Probe, ProbeResult, TargetState } from './types.ts';

/** Probes under way at once, whatever the configuration asks for: each may hold a socket. */
const GLOBAL_LIMIT = 256;
const JITTER = 0.15;

export interface HealthMonitorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called at each change, also from within `admit` and `track`, which it must not call itself; never after `close`. */
  readonly onChange: (key: string, health: HealthState, reason: string) => void;
  /** Replaces the probes over real sockets. */
  readonly createProbe?: (plan: ActiveCheckPlan) => Probe;
}

/**
 * Active health checks: which node is probed when, and what its answers add up to.
 *
 * Health belongs to the target's key and survives every change of the configuration and of the membership. Targets that
 * ask for the same checks of the same address share one probe.
 */
export class HealthMonitor implements Closable {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #onChange: HealthMonitorOptions['onChange'];
  readonly #createProbe: (plan: ActiveCheckPlan) => Probe;
  /** A probe serves every address of its plan. */
  readonly #probes = new WeakMap<ActiveCheckPlan, Probe>();
  readonly #records = new Map<string, TargetRecord>();
  readonly #checks = new Map<string, Check>();
  readonly #schedule: Schedule<Check>;
  readonly #turns = new Turns(GLOBAL_LIMIT);
  readonly #lateness: Lateness;
  #closed = false;
  #onIdle: (() => void) | null = null;

  constructor(options: HealthMonitorOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#onChange = options.onChange;
    this.#createProbe = options.createProbe ?? probeOf;
    this.#lateness = new Lateness(options.clock, options.log);
    this.#schedule = new Schedule(options.clock, (check) => {
      this.#turns.add(check);
      this.#pump();
    });
  }

  /** Begins with those targets that are new or want other checks; all others go on. No key may be there twice. */
  admit(targets: readonly HealthTarget[]): void {
    if (this.#closed) return;
    const known = this.#knownGood();
    for (const target of targets) this.#follow(target, known);
    this.#pump();
  }

  /** Replaces the whole list of targets. Those that stay as they were are not touched. */
  track(targets: readonly HealthTarget[]): void {
    if (this.#closed) return;
    const wanted = new Set(targets.map(({ key }) => key));
    for (const record of this.#records.values()) {
      if (!wanted.has(record.key)) this.#forget(record);
    }
    this.admit(targets);
  }

  state(key: string): TargetState | undefined {
    return this.#records.get(key);
  }

  states(): Iterable<TargetState> {
    return this.#records.values();
  }

  async close(deadline: number): Promise<void> {
    this.#closed = true;
    this.#schedule.clear();
    for (const check of this.#checks.values()) this.#retire(check);
    this.#records.clear();
    if (this.#turns.running === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const timeout = new AbortController();
    await Promise.race([idle, sleep(this.#clock, deadline - this.#clock.now(), timeout.signal)]);
    timeout.abort();
  }

  #knownGood(): ReadonlySet<string> {
    const groups = new Set<string>();
    for (const record of this.#records.values()) if (record.health === 'healthy') groups.add(record.group);
    return groups;
  }

  #forget(record: TargetRecord): void {
    this.#records.delete(record.key);
    this.#leave(record);
    if (record.health !== 'unknown') this.#onChange(record.key, 'unknown', 'no longer checked');
  }

  #follow(target: HealthTarget, knownGood: ReadonlySet<string>): void {
    const existing = this.#records.get(target.key);
    if (existing && isSame(existing.target, target)) return;
    const record = existing ?? new TargetRecord(target);
    const id = checkId(target.address, target.checks);
    record.target = target;
    if (record.checkId === id) return;
    this.#leave(record);
    record.checkId = id;
    const before = existing ? existing.health : 'unknown';
    record.checksChanged();
    this.#records.set(target.key, record);
    const check = this.#checks.get(id);
    const other = check ? this.#join(record, check) : null;
    if (!check) this.#begin(record, knownGood.has(record.group));
    if (record.health === before) return;
    const reason = record.health === 'pending' ? 'waits for its first success' : 'waits for nothing any more';
    this.#announce(record, before, other && !other.undecided ? `as for ${other.key}` : reason);
  }

  /** A target that nothing is known of takes the view of those that share its check. */
  #join(record: TargetRecord, check: Check): TargetRecord | null {
    const other = record.undecided ? (check.records.values().next().value ?? null) : null;
    check.records.add(record);
    if (other) record.adopt(other);
    return other;
  }

  /** A first probe waits up to an interval, unless traffic waits for it: then it is due now. */
  #begin(record: TargetRecord, othersAreGood: boolean): void {
    const { address, checks } = record.target;
    let probe: Probe;
    try {
      probe = this.#probeOf(checks);
    } catch (error) {
      this.#log.error('health.bad-check', `${record.key} cannot be checked: ${reasonOf(error)}`, {
        target: record.key,
      });
      record.cannotBeChecked();
      return;
    }
    const check = new Check(record.checkId, address, checks, probe, record.group);
    check.records.add(record);
    this.#checks.set(check.id, check);
    check.due = this.#clock.now();
    if (!othersAreGood || record.health === 'pending') return this.#turns.add(check);
    this.#schedule.add(check, check.due + this.#random.next() * check.interval());
  }

  #probeOf(plan: ActiveCheckPlan): Probe {
    const known = this.#probes.get(plan);
    if (known) return known;
    const probe = this.#createProbe(plan);
    this.#probes.set(plan, probe);
    return probe;
  }

  #leave(record: TargetRecord): void {
    const check = this.#checks.get(record.checkId);
    if (!check?.records.delete(record) || check.records.size > 0) return;
    this.#checks.delete(check.id);
    this.#retire(check);
  }

  #retire(check: Check): void {
    this.#schedule.remove(check);
    this.#turns.remove(check);
    check.abort?.abort();
  }

  #pump(): void {
    for (let check = this.#turns.next(); check; check = this.#turns.next()) void this.#run(check);
  }

  async #run(check: Check): Promise<void> {
    const began = this.#clock.now();
    this.#lateness.began(check);
    const abort = new AbortController();
    check.abort = abort;
    const result = await ask(check, abort.signal);
    check.abort = null;
    this.#turns.finished(check);
    if (!abort.signal.aborted) this.#conclude(check, began, result);
    if (!this.#closed) this.#pump();
    else if (this.#turns.running === 0) this.#onIdle?.();
  }

  #conclude(check: Check, began: number, result: ProbeResult): void {
    const now = this.#clock.now();
    let changed: [TargetRecord, HealthState][] | null = null;
    for (const record of check.records) {
      const previous = record.apply(result, now);
      if (previous !== null) (changed ??= []).push([record, previous]);
    }
    this.#schedule.add(check, Math.max(now, began + jittered(this.#random, check.interval(), JITTER)));
    if (changed) for (const [record, previous] of changed) this.#announce(record, previous, result.detail);
  }

  #announce(record: TargetRecord, previous: HealthState, reason: string): void {
    if (this.#closed) return;
    const { key, health } = record;
    const level = health === 'unhealthy' ? 'warn' : previous === 'unhealthy' ? 'info' : 'debug';
    const held = health === 'unhealthy' ? Math.ceil(Math.max(0, record.heldUntil - this.#clock.now()) / 1000) : 0;
    const hold = held > 0 ? `, held for ${held} s because it falls again and again` : '';
    this.#log[level](`health.${health}`, `${key} is ${health}: ${reason}${hold}`, { target: key, previous, reason });
    this.#onChange(key, health, reason);
  }
}

function isSame(a: HealthTarget, b: HealthTarget): boolean {
  return a.checks === b.checks && a.address.port === b.address.port && a.address.host === b.address.host;
}

/** Probes do not reject; one that does has a fault of its own, which says nothing about the node. */
async function ask(check: Check, signal: AbortSignal): Promise<ProbeResult> {
  try {
    return await check.probe.check(check.address, signal);
  } catch (error) {
    return { verdict: 'neutral', detail: `the probe failed: ${reasonOf(error)}` };
  }
}
