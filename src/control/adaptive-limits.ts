import type { InlineUpstream } from '../config/types.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { GradientLimit, type GradientPlan } from '../health/concurrency/gradient-limit.ts';
import type { CounterSums } from '../telemetry/counter-table.ts';
import { NodeField } from '../telemetry/counters.ts';
import type { NodeTable } from '../upstream/node-table.ts';

/** How often limits move. */
const STEP_MS = 250;

/** How much the nodes of an upstream may have under way at once, each. */
export interface LimitRule {
  /** Fixed bound; 0 for none. */
  readonly max: number;
  /** Found out by how long answers take; null when it is not. */
  readonly adaptive: GradientPlan | null;
}

export function limitRule({ node_limit: limit }: InlineUpstream): LimitRule {
  const { adaptive } = limit ?? {};
  return {
    max: limit?.max ?? 0,
    adaptive: adaptive ? { minLimit: adaptive.min, maxLimit: adaptive.max, tolerance: adaptive.tolerance } : null,
  };
}

export interface LimitedUpstream {
  readonly rule: LimitRule;
  /** Rows of the nodes. */
  readonly slots: readonly number[];
}

interface AdaptiveNode {
  plan: GradientPlan;
  readonly limit: GradientLimit;
  answers: number;
  micros: number;
}

/** Sets the limit of each node in the node table; adaptive ones by what the workers measured since the last step. */
export class AdaptiveLimits {
  readonly #clock: Clock;
  readonly #table: NodeTable;
  readonly #nodes: CounterSums;
  readonly #adaptive = new Map<number, AdaptiveNode>();
  #timer: Timer | null = null;
  #closed = false;

  constructor(clock: Clock, table: NodeTable, nodes: CounterSums) {
    this.#clock = clock;
    this.#table = table;
    this.#nodes = nodes;
  }

  /** Replaces the whole list. What was found out about nodes that stay is kept, within the bounds that hold now. */
  track(upstreams: Iterable<LimitedUpstream>): void {
    if (this.#closed) return;
    const present = new Set<number>();
    for (const { rule, slots } of upstreams) {
      for (const slot of slots) {
        if (rule.adaptive) {
          present.add(slot);
          this.#adapt(slot, rule.adaptive);
        } else this.#table.setLimit(slot, rule.max);
      }
    }
    for (const slot of this.#adaptive.keys()) if (!present.has(slot)) this.#adaptive.delete(slot);
    if (this.#adaptive.size > 0) this.#timer ??= this.#schedule();
    else this.#stop();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #adapt(slot: number, plan: GradientPlan): void {
    const known = this.#adaptive.get(slot);
    if (!known) return this.#begin(slot, plan);
    if (known.plan === plan) return;
    known.plan = plan;
    this.#table.setLimit(slot, Math.floor(known.limit.replan(plan)));
  }

  #begin(slot: number, plan: GradientPlan): void {
    const limit = new GradientLimit(plan);
    this.#adaptive.set(slot, { plan, limit, answers: this.#answers(slot), micros: this.#micros(slot) });
    this.#table.setLimit(slot, Math.floor(limit.limit));
  }

  #schedule(): Timer {
    return this.#clock.after(STEP_MS, () => {
      for (const [slot, node] of this.#adaptive) this.#step(slot, node);
      this.#timer = this.#schedule();
    });
  }

  #step(slot: number, node: AdaptiveNode): void {
    const answers = this.#answers(slot);
    const micros = this.#micros(slot);
    const next = node.limit.step(answers - node.answers, micros - node.micros, this.#table.inflight(slot));
    node.answers = answers;
    node.micros = micros;
    this.#table.setLimit(slot, Math.floor(next));
  }

  #answers(slot: number): number {
    return this.#nodes.sum(slot, NodeField.answers);
  }

  #micros(slot: number): number {
    return this.#nodes.sum(slot, NodeField.answerMicros);
  }
}
