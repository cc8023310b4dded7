import type { DataPlane } from '../l4/listener.ts';
import type { PlannedRoute } from '../upstream/plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Attempts } from './attempts.ts';
import { breakerAnswer } from './breaker-answer.ts';
import { type Answer, NO_NODE, OVERLOADED } from './respond.ts';

/** The answer to a request that is not to reach a node, because a circuit breaker is open; null lets it pass. */
export function breakerRefusal(route: PlannedRoute, upstream: Upstream, plane: DataPlane): Answer | null {
  if (route.breaker !== null && !plane.routeBreakers.admits(route.slot)) return breakerAnswer(route.breaker);
  return upstream.admits() ? null : breakerAnswer(upstream.plan.breaker!);
}

/** The answer when no node could be picked: there is none, or those that there are have enough to do. */
export function noNodeAnswer(route: PlannedRoute, upstream: Upstream, attempts: Attempts): Answer {
  return upstream.selection(route.subset).isFull(attempts) ? OVERLOADED : NO_NODE;
}
