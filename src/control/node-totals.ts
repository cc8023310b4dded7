import { Outcome } from '../balancers/types.ts';
import type { BreakerTotals } from '../health/breaker/types.ts';
import type { CounterSums } from '../telemetry/counter-table.ts';
import { NodeField } from '../telemetry/counters.ts';

const FAILURES = [Outcome.serverError, Outcome.connectFailure, Outcome.timeout, Outcome.reset];

/** Uses of a node since it has its row; those that clients gave up count for nothing. */
export function usesOf(nodes: CounterSums, slot: number): BreakerTotals {
  let failed = 0;
  for (const outcome of FAILURES) failed += nodes.sum(slot, NodeField.outcome + outcome);
  const total = failed + nodes.sum(slot, NodeField.outcome + Outcome.success);
  return { total, failed, slow: nodes.sum(slot, NodeField.slow) };
}

/** Running totals of an upstream: they only grow, although nodes come with counts of zero and leave with theirs. */
export class NodeTotals {
  readonly #nodes: CounterSums;
  #known = new Map<number, BreakerTotals>();
  #total = 0;
  #failed = 0;
  #slow = 0;

  constructor(nodes: CounterSums) {
    this.#nodes = nodes;
  }

  /** `slots`: of the nodes that the upstream has now. */
  take(slots: Iterable<number>): BreakerTotals {
    const now = new Map<number, BreakerTotals>();
    for (const slot of slots) {
      const uses = usesOf(this.#nodes, slot);
      now.set(slot, uses);
      const before = this.#known.get(slot);
      if (!before || before.total > uses.total) continue;
      this.#total += uses.total - before.total;
      this.#failed += uses.failed - before.failed;
      this.#slow += uses.slow - before.slow;
    }
    this.#known = now;
    return { total: this.#total, failed: this.#failed, slow: this.#slow };
  }
}
