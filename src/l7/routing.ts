import type { PlannedRoute, Timeouts } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { breakerRefusal } from './admission.ts';
import type { RequestHead } from './head.ts';
import type { HttpContext } from './http-context.ts';
import { type Answer, NO_NODE, NO_ROUTE } from './respond.ts';

const NO_TIMEOUTS: Timeouts = { connect: 0, send: 0, read: 0 };

/** Where a request goes: its route, and the upstream of the snapshot that it began with. Reused. */
export class Routing {
  /** Null when there is none, also for what was not a request. Stays until the next begins. */
  route: PlannedRoute | null = null;
  upstream: Upstream | null = null;
  /** The route's, else the upstream's. */
  timeouts: Timeouts = NO_TIMEOUTS;
  readonly #context: HttpContext;
  /** Held until the answer has begun. */
  #snapshot: Snapshot | null = null;

  constructor(context: HttpContext) {
    this.#context = context;
  }

  begin(): void {
    this.route = null;
  }

  /** Finds route and upstream. Returns the answer to a request that has none, else null. */
  find(head: RequestHead, clientAddress: string): Answer | null {
    const snapshot = this.#context.plane.snapshots.current;
    const match = this.#context.routerOf(snapshot).match(head, clientAddress);
    if (match === null) return NO_ROUTE;
    const { route } = match;
    this.route = route;
    const upstream = snapshot.upstreams.get(route.upstreamId);
    if (upstream === undefined) return NO_NODE;
    snapshot.users += 1;
    this.#snapshot = snapshot;
    this.upstream = upstream;
    this.timeouts = route.timeouts ?? upstream.plan.timeouts;
    return null;
  }

  /** Whether a request that was routed is let through: the answer when it is not, else null. */
  admit(): Answer | null {
    return breakerRefusal(this.route!, this.upstream!, this.#context.plane);
  }

  /** The answer has begun: nothing is picked from the snapshot any more. */
  settled(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    this.#snapshot = null;
    this.#context.plane.snapshots.release(snapshot);
  }

  /** The exchange is over: an idle connection keeps nothing of an old snapshot. */
  end(): void {
    this.settled();
    this.upstream = null;
  }
}
