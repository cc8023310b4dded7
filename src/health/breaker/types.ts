/** When an upstream or a route stops to send requests for a while. Ratios in (0, 1]. */
export interface BreakerPlan {
  /** Share of failed uses at which it opens; null for never. */
  readonly failureRatio: number | null;
  /** Share of slow uses at which it opens; null for never. */
  readonly slowRatio: number | null;
  /** Uses in the window below which nothing is concluded. */
  readonly minRequests: number;
  readonly windowMs: number;
  /** How long it stays open; each time in a row twice as long, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** Requests that are let through to find out whether it may close. */
  readonly trials: number;
}

/** Running totals of what the breaker watches. */
export interface BreakerTotals {
  readonly total: number;
  readonly failed: number;
  readonly slow: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/** `reason` is for people: "12 of 20 failed". */
export interface BreakerChange {
  readonly state: BreakerState;
  readonly reason: string;
  /** Milliseconds that it stays open; 0 in the other states. */
  readonly forMs: number;
}
