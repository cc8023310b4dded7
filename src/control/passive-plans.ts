import { Outcome } from '../balancers/types.ts';
import type { CircuitBreaker, InlineUpstream, PassiveChecks } from '../config/types.ts';
import type { BreakerPlan } from '../health/breaker/types.ts';
import type { OutlierPlan } from '../health/outliers/types.ts';
import type { PlannedBreaker, PlannedPassive } from '../upstream/plan.ts';

const SECOND = 1000;
const MICROS = 1_000_000;
const PERCENT = 100;

/** What the workers need of `checks.passive` and of the circuit breaker. */
export function planPassive({ checks, circuit_breaker: breaker }: InlineUpstream): PlannedPassive {
  const passive = checks?.passive;
  const slowMicros = breaker?.slow_ratio === undefined ? 0 : breaker.slow_after * MICROS;
  if (!passive) return { streaks: [], slowMicros, failStatuses: [], retryAfterMs: 0 };
  const { http_statuses, http_failures, tcp_failures, timeouts } = passive.unhealthy;
  const streaks: number[] = [];
  streaks[Outcome.success] = 0;
  streaks[Outcome.serverError] = http_failures;
  streaks[Outcome.connectFailure] = tcp_failures;
  streaks[Outcome.timeout] = timeouts;
  streaks[Outcome.reset] = tcp_failures;
  const retryAfterMs = passive.retry_after ? passive.ejection.time * SECOND : 0;
  return { streaks, slowMicros, failStatuses: http_statuses, retryAfterMs };
}

export function planOutliers(passive: PassiveChecks): OutlierPlan {
  const { failure_ratio: ratio, success_rate: rate, ejection } = passive;
  return {
    shadow: passive.shadow,
    failureRatio: ratio ? { threshold: ratio.threshold / PERCENT, minRequests: ratio.min_requests } : null,
    successRate: rate ? { factor: rate.factor, minRequests: rate.min_requests, minNodes: rate.min_nodes } : null,
    windowMs: passive.window * SECOND,
    ejection: {
      baseMs: ejection.time * SECOND,
      maxMs: ejection.max_time * SECOND,
      maxShare: ejection.max_percent / PERCENT,
    },
  };
}

export function planBreaker(breaker: CircuitBreaker | undefined): PlannedBreaker | null {
  if (!breaker) return null;
  const { answer } = breaker;
  return {
    status: answer.status,
    contentType: answer.content_type,
    body: answer.body ?? null,
    retryAfterSeconds: Math.ceil(breaker.open_time),
    slowMicros: breaker.slow_ratio === undefined ? 0 : breaker.slow_after * MICROS,
  };
}

/** When the breaker opens and closes. */
export function breakerRules(breaker: CircuitBreaker | undefined): BreakerPlan | null {
  if (!breaker) return null;
  return {
    failureRatio: breaker.failure_ratio / PERCENT,
    slowRatio: breaker.slow_ratio === undefined ? null : breaker.slow_ratio / PERCENT,
    minRequests: breaker.min_requests,
    windowMs: breaker.window * SECOND,
    openMs: breaker.open_time * SECOND,
    maxOpenMs: breaker.max_open_time * SECOND,
    trials: breaker.trials,
  };
}
