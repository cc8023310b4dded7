import type { Node } from '../discovery/types.ts';

/** How one use of a node ended. Values are indices of the node's counters. */
export const Outcome = {
  /** An answer below 500, or a stream that ended in order. */
  success: 0,
  /** An answer of 500 or above. */
  serverError: 1,
  /** No connection: refused, unreachable, timed out. Nothing was sent. */
  connectFailure: 2,
  /** Connected, but no answer in time. */
  timeout: 3,
  /** The node broke the connection or the protocol. */
  reset: 4,
  /** The client went away first: says nothing about the node. */
  aborted: 5,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
export const OUTCOMES = Object.keys(Outcome) as (keyof typeof Outcome)[];

/** A node as the data path sees it: its description, and its record in the node table. */
export interface NodeHandle {
  readonly node: Node;
  /**
   * Weight in force: the configured one, or an operator's, times the slow-start factor. Always > 0 for a node that a
   * balancer sees. It changes only just before a picker is built.
   */
  readonly weight: number;
  /** Requests and streams under way now, over all workers. */
  inflight(): number;
  /**
   * Peak-EWMA of the time to the answer in microseconds, over all workers, as it stands at `now` (monotonic ms): it decays
   * while nothing is measured. 0 when nothing was measured yet.
   */
  peakLatency(now: number): number;
  /** Counts a use in. Every `begin` is followed by exactly one `end`, on abort too. */
  begin(): void;
  /** The node has begun to answer, `micros` after the use began. */
  answered(micros: number, now: number): void;
  /** Counts the use out. */
  end(outcome: Outcome, now: number): void;
}

export const NO_HANDLES: readonly NodeHandle[] = Object.freeze([]);

/** What a pick may look at. One object per exchange, reused. */
export interface PickContext {
  /** Hash of what the upstream hashes on, 32 bits, well mixed; 0 when it hashes on nothing. */
  hash: number;
  /** Monotonic milliseconds at the pick. */
  now: number;
  /** Nodes that this exchange has used already; never picked again. */
  tried: readonly NodeHandle[];
}

/** Synchronous, total, free of allocation. Null only when every node is in `tried`. */
export interface Picker {
  pick(context: PickContext): NodeHandle | null;
}

/** What an upstream says of its balancer. */
export interface BalancerPlan {
  /** `roundrobin`, `chash`, `least_conn`, `ewma` or `random`. */
  readonly type: string;
  /** `ewma`: time constant of the decay, in milliseconds. */
  readonly decayMs: number;
  /** `chash`: no node has more than this many times its fair share under way; 0 for no bound. */
  readonly boundedLoad: number;
}

/** Builds pickers for one algorithm. Sees ready nodes only. */
export interface Balancer {
  readonly type: string;
  /** `previous` is the picker that is replaced, of the same algorithm; its cursor carries over. It is not changed. */
  build(ready: readonly NodeHandle[], previous: Picker | null): Picker;
}
