import type { ActiveCheckPlan, HealthState, HealthTarget, ProbeResult, TargetState } from './types.ts';

/**
 * One target's health and the counts that lead to the next change.
 *
 * The rules are those of the checks in APISIX and Kong: each kind of failure is counted for itself, a success forgets all
 * failures, a failure forgets the successes, and a neutral answer changes nothing.
 */
export class TargetRecord implements TargetState {
  readonly key: string;
  readonly group: string;
  /** Replaced when the configuration changes; health outlives it. */
  target: HealthTarget;
  /** Identity of the check that probes for it; empty before it has one. */
  checkId = '';
  health: HealthState = 'unknown';
  changedAt: number | null = null;
  checkedAt: number | null = null;
  last: ProbeResult | null = null;
  #successes = 0;
  #httpFailures = 0;
  #tcpFailures = 0;
  #timeouts = 0;

  constructor(target: HealthTarget) {
    this.key = target.key;
    this.group = target.key.slice(0, Math.max(0, target.key.lastIndexOf('|')));
    this.target = target;
  }

  /** Counts a result. Returns what the health was before if it changed, else null. */
  apply(result: ProbeResult, now: number): HealthState | null {
    this.checkedAt = now;
    this.last = result;
    const next = this.#count(result, this.target.checks);
    if (next === null || next === this.health) return null;
    const previous = this.health;
    this.health = next;
    this.changedAt = now;
    this.resetCounts();
    return previous;
  }

  /** Takes over what another target with the same checks of the same address has found out. */
  adopt(other: TargetRecord): void {
    this.health = other.health;
    this.changedAt = other.changedAt;
    this.checkedAt = other.checkedAt;
    this.last = other.last;
    this.#successes = other.#successes;
    this.#httpFailures = other.#httpFailures;
    this.#tcpFailures = other.#tcpFailures;
    this.#timeouts = other.#timeouts;
  }

  /** Counts that were made under other thresholds mean nothing. */
  resetCounts(): void {
    this.#successes = 0;
    this.#httpFailures = 0;
    this.#tcpFailures = 0;
    this.#timeouts = 0;
  }

  #count(result: ProbeResult, checks: ActiveCheckPlan): HealthState | null {
    const { healthy, unhealthy } = checks;
    switch (result.verdict) {
      case 'neutral':
        return null;
      case 'success':
        this.#httpFailures = this.#tcpFailures = this.#timeouts = 0;
        return ++this.#successes === healthy.successes ? 'healthy' : null;
      case 'status':
        this.#successes = 0;
        return ++this.#httpFailures === unhealthy.httpFailures ? 'unhealthy' : null;
      case 'tcp':
        this.#successes = 0;
        return ++this.#tcpFailures === unhealthy.tcpFailures ? 'unhealthy' : null;
      case 'timeout':
        this.#successes = 0;
        return ++this.#timeouts === unhealthy.timeouts ? 'unhealthy' : null;
    }
  }
}
