/** Bounds of an adaptive concurrency limit. */
export interface GradientPlan {
  readonly minLimit: number;
  readonly maxLimit: number;
  /** Answers may take this many times as long as they usually do before the limit shrinks. */
  readonly tolerance: number;
}

/** The long average follows the short one with this weight. */
const LONG_WEIGHT = 0.02;
/** The limit follows its target with this weight. */
const SMOOTHING = 0.2;
/** No step takes more than half away. */
const STEEPEST = 0.5;
/** A long average this many times above what is measured is out of date. */
const STALE = 2;
/** Below this many answers in a step the average says too little. */
const MIN_ANSWERS = 5;

/**
 * How much a node can have under way at once, by how long it takes to answer: as long as answers come in the usual time the
 * limit grows by the square root of itself, which allows for a short queue; when they take longer it shrinks in proportion
 * (the Gradient2 algorithm of Netflix' concurrency-limits). Pure; one step for each stretch of time that was measured.
 */
export class GradientLimit {
  limit: number;
  #plan: GradientPlan;
  /** Usual time to the answer in microseconds; 0 before the first step. */
  #usual = 0;

  constructor(plan: GradientPlan) {
    this.#plan = plan;
    this.limit = within(plan, 20);
  }

  /** Other bounds from now on; what is known of the node stays. Returns the limit, which is within them. */
  replan(plan: GradientPlan): number {
    this.#plan = plan;
    this.limit = within(plan, this.limit);
    return this.limit;
  }

  /**
   * `answers` and `micros`: how many came since the last step, and the sum of their times; `inflight`: what is under way now.
   * Returns the new limit.
   */
  step(answers: number, micros: number, inflight: number): number {
    if (answers < MIN_ANSWERS) return this.limit;
    const short = micros / answers;
    this.#usual = this.#usual === 0 ? short : this.#usual + (short - this.#usual) * LONG_WEIGHT;
    if (this.#usual > short * STALE) this.#usual *= 0.95;
    const gradient = Math.max(STEEPEST, Math.min(1, (this.#plan.tolerance * this.#usual) / short));
    // A limit that is not used says nothing: it must not grow without end while there is little to do.
    if (gradient === 1 && inflight < this.limit / 2) return this.limit;
    const target = this.limit * gradient + Math.sqrt(this.limit);
    const next = this.limit + (target - this.limit) * SMOOTHING;
    this.limit = within(this.#plan, next);
    return this.limit;
  }
}

function within({ minLimit, maxLimit }: GradientPlan, limit: number): number {
  return Math.max(minLimit, Math.min(maxLimit, limit));
}
