import type { Outcome } from '../balancers/types.ts';
import type { TableHandle } from '../upstream/handle.ts';
import { noNodeAnswer } from './admission.ts';
import { Affinity } from './affinity.ts';
import { Attempts } from './attempts.ts';
import type { ExchangeState } from './exchange-state.ts';
import { NodeUse } from './node-use.ts';
import type { Answer } from './respond.ts';
import type { FailureKind, RetryDecision } from './retry.ts';
import { outcomeOfStatus } from './try-failure.ts';

/** Chooses the node of each try, counts its use in and out, and decides whether there is another. Reused. */
export class NodeChoice {
  readonly attempts = new Attempts();
  /** The use of the node that was chosen last. */
  readonly use = new NodeUse();
  readonly #affinity = new Affinity();
  readonly #state: ExchangeState;

  constructor(state: ExchangeState) {
    this.#state = state;
  }

  begin(): void {
    this.attempts.reset();
  }

  /** The node for the first try, counted in; null when there is none, and `noNode` says why. */
  first(): TableHandle | null {
    const { routing, head, client, record } = this.#state;
    this.attempts.now = record.startedAt;
    return this.#take(this.#affinity.pick(routing.upstream!, routing.route!, head, client, this.attempts));
  }

  /** The node for a further try, counted in; null when all were tried, or have enough to do. */
  next(): TableHandle | null {
    const { routing, context } = this.#state;
    const { subset, headroom } = routing.route!;
    this.attempts.now = context.plane.clock.now();
    return this.#take(routing.upstream!.pick(this.attempts, subset, headroom));
  }

  noNode(): Answer {
    const { route, upstream } = this.#state.routing;
    return noNodeAnswer(route!, upstream!, this.attempts);
  }

  /** What to do when the try has failed. `answerBegun`: some byte of an answer came. */
  decide(kind: FailureKind, answerBegun: boolean): RetryDecision {
    const { head, body, record, routing, context } = this.#state;
    const request = { method: head.method, bodySent: body.taken > 0, answerBegun };
    const elapsedMs = context.plane.clock.now() - record.startedAt;
    return this.attempts.decide(kind, request, elapsedMs, routing.upstream!.plan);
  }

  /** Whether an answer with that status is not for the client, as long as there is another node to ask. */
  passesOver(status: number): boolean {
    const { plan, handles } = this.#state.routing.upstream!;
    if (!plan.retryStatuses.includes(status) || handles.length <= this.attempts.tried.length + 1) return false;
    return this.decide('status', true) === 'move';
  }

  /** A field line that binds the client to the node in use; empty when nothing is to be said. */
  bindingField(): string {
    return this.#affinity.fieldFor(this.#state.routing.upstream!, this.use.handle);
  }

  /** Counts the use of the node out, unless that was done. */
  countOut(outcome: Outcome): void {
    if (this.use.handle === null) return;
    const { record, toUpstream } = this.#state;
    record.endUse(this.use, outcome, toUpstream.written, this.#state.now());
  }

  /** The same for a node that has answered. */
  countAnswer(status: number): void {
    const { failStatuses } = this.#state.routing.upstream!.plan.passive;
    this.countOut(outcomeOfStatus(status, failStatuses));
  }

  #take(handle: TableHandle | null): TableHandle | null {
    if (handle !== null) this.use.begin(handle, this.attempts.now);
    return handle;
  }
}
