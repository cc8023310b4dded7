import { Damper } from './damper.ts';
import type { ActiveCheckPlan, HealthState, HealthTarget, ProbeResult, TargetState } from './types.ts';

/**
 * One target's health and the counts that lead to the next change.
 *
 * The rules are those of the checks in APISIX and Kong: each kind of failure is counted for itself, a success forgets all
 * failures, a failure forgets the successes, and a neutral answer changes nothing. A pending target needs one success.
 */
export class TargetRecord implements TargetState {
  readonly key: string;
  readonly group: string;
  /** Replaced when the configuration changes; health outlives it. */
  target: HealthTarget;
  /** Identity of the check that probes for it; empty before it has one. */
  checkId = '';
  health: HealthState;
  changedAt: number | null = null;
  checkedAt: number | null = null;
  last: ProbeResult | null = null;
  readonly #damper = new Damper();
  #successes = 0;
  #httpFailures = 0;
  #tcpFailures = 0;
  #timeouts = 0;

  constructor(target: HealthTarget) {
    this.key = target.key;
    this.group = target.key.slice(0, Math.max(0, target.key.lastIndexOf('|')));
    this.target = target;
    this.health = target.checks.gate && !target.serves ? 'pending' : 'unknown';
  }

  get heldUntil(): number {
    return this.#damper.heldUntil;
  }

  /** Whether nothing was found out yet. */
  get undecided(): boolean {
    return this.health === 'unknown' || this.health === 'pending';
  }

  /** Whether results point to a change that is not decided yet. */
  get inTransition(): boolean {
    const { healthy, unhealthy } = this.target.checks;
    if (this.health !== 'healthy' && isUnderWay(this.#successes, healthy.successes)) return true;
    if (this.health === 'unhealthy') return false;
    return (
      isUnderWay(this.#httpFailures, unhealthy.httpFailures) ||
      isUnderWay(this.#tcpFailures, unhealthy.tcpFailures) ||
      isUnderWay(this.#timeouts, unhealthy.timeouts)
    );
  }

  /** Counts a result. Returns what the health was before if it changed, else null. */
  apply(result: ProbeResult, now: number): HealthState | null {
    this.checkedAt = now;
    this.last = result;
    const { checks } = this.target;
    const next = this.#count(result, checks, now);
    if (next === null || next === this.health) return null;
    const previous = this.health;
    this.health = next;
    this.changedAt = now;
    this.resetCounts();
    if (next === 'unhealthy' && checks.damping) this.#damper.fell(now, checks.damping);
    return previous;
  }

  /** Takes over what another target with the same checks of the same address has found out. */
  adopt(other: TargetRecord): void {
    if (!other.undecided) this.health = other.health;
    this.changedAt = other.changedAt;
    this.checkedAt = other.checkedAt;
    this.last = other.last;
    this.#damper.adopt(other.#damper);
    this.#successes = other.#successes;
    this.#httpFailures = other.#httpFailures;
    this.#tcpFailures = other.#tcpFailures;
    this.#timeouts = other.#timeouts;
  }

  /** What was counted under other checks means nothing; without a gate nothing waits for the first success. */
  checksChanged(): void {
    this.resetCounts();
    this.#damper.release();
    if (this.health === 'pending' && !this.target.checks.gate) this.health = 'unknown';
  }

  /** Nothing will ever let it through the gate. */
  cannotBeChecked(): void {
    if (this.health === 'pending') this.health = 'unknown';
  }

  resetCounts(): void {
    this.#successes = 0;
    this.#httpFailures = 0;
    this.#tcpFailures = 0;
    this.#timeouts = 0;
  }

  #count(result: ProbeResult, checks: ActiveCheckPlan, now: number): HealthState | null {
    const { unhealthy } = checks;
    switch (result.verdict) {
      case 'neutral':
        return null;
      case 'success':
        this.#httpFailures = this.#tcpFailures = this.#timeouts = 0;
        return this.#countSuccess(checks, now) ? 'healthy' : null;
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

  #countSuccess({ healthy, damping }: ActiveCheckPlan, now: number): boolean {
    this.#successes += 1;
    const wanted = this.health === 'pending' ? Math.min(1, healthy.successes) : healthy.successes;
    if (wanted === 0 || this.#successes < wanted) return false;
    return damping === null || now >= this.#damper.heldUntil;
  }
}

/** A threshold of 0 is never reached, so nothing is on the way to it. */
function isUnderWay(count: number, threshold: number): boolean {
  return count > 0 && count < threshold;
}
