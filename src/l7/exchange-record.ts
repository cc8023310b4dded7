import { OUTCOMES, type Outcome } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import type { AccessEnd, AccessTry } from '../telemetry/access-log.ts';
import { durationField, RouteField, statusField } from '../telemetry/counters.ts';
import { NO_ROUTE, type PlannedBreaker, type PlannedRoute } from '../upstream/plan.ts';
import type { ClientForwarding } from './client-forwarding.ts';
import type { RequestHead } from './head.ts';
import type { HttpContext } from './http-context.ts';
import type { NodeUse } from './node-use.ts';

/** Status of an exchange whose client went away before its answer (nginx's). */
export const CLIENT_GONE = 499;

/** Whose route counts. */
interface Routed {
  readonly route: PlannedRoute | null;
}

/** What is to be counted and logged of one exchange. Reused from request to request. */
export class ExchangeRecord {
  /** Monotonic milliseconds at which the head was complete. */
  startedAt = 0;
  /** Status sent to the client; 499 when it went away first. */
  status = 0;
  readonly #context: HttpContext;
  readonly #routed: Routed;
  /** Stays null unless an access log asks. */
  #tries: AccessTry[] | null = null;
  #used = false;
  /** Time to the answer of the last node used, in microseconds; 0 when it gave none. */
  #micros = 0;

  constructor(context: HttpContext, routed: Routed) {
    this.#context = context;
    this.#routed = routed;
  }

  begin(now: number): void {
    this.startedAt = now;
    this.status = 0;
    this.#tries = null;
    this.#used = false;
    this.#micros = 0;
  }

  countRetry(): void {
    const { route } = this.#routed;
    if (route !== null) this.#context.plane.routeCounters.add(route.slot, RouteField.retries, 1);
  }

  /** Counts the use of a node out, unless that was done. `sent`: bytes written to the node. */
  endUse(use: NodeUse, outcome: Outcome, sent: number, now: number): void {
    const { handle } = use;
    if (handle === null) return;
    if (this.#context.accessLog !== null) {
      const micros = Math.round(use.micros || use.elapsedMicros(now));
      this.#tries ??= [];
      this.#tries.push({ node: formatAddress(handle.node), outcome: OUTCOMES[outcome]!, micros });
    }
    this.#used = true;
    this.#micros = use.micros;
    use.end(outcome, sent, now);
  }

  /** The answer is decided: status and time count. */
  countAnswer(now: number): void {
    const counters = this.#context.plane.routeCounters;
    const { route } = this.#routed;
    const slot = route?.slot ?? NO_ROUTE;
    const seconds = (now - this.startedAt) / 1000;
    counters.add(slot, statusField(this.status), 1);
    counters.add(slot, durationField(seconds), 1);
    counters.add(slot, RouteField.durationSum, seconds);
    const breaker = route === null ? null : route.breaker;
    if (breaker !== null && this.#used && this.status !== CLIENT_GONE) this.#countForBreaker(breaker, slot);
  }

  #countForBreaker({ slowMicros }: PlannedBreaker, slot: number): void {
    const counters = this.#context.plane.routeCounters;
    counters.add(slot, RouteField.tried, 1);
    if (this.status >= 500) counters.add(slot, RouteField.failed, 1);
    if (slowMicros > 0 && this.#micros >= slowMicros) counters.add(slot, RouteField.slow, 1);
  }

  /** Bytes of the bodies, or of the tunnel. */
  countBytes(bytesIn: number, bytesOut: number): void {
    const counters = this.#context.plane.routeCounters;
    const slot = this.#routed.route?.slot ?? NO_ROUTE;
    if (bytesIn > 0) counters.add(slot, RouteField.requestBytes, bytesIn);
    if (bytesOut > 0) counters.add(slot, RouteField.responseBytes, bytesOut);
  }

  log(head: RequestHead, forwarding: ClientForwarding, bytesIn: number, bytesOut: number, end: AccessEnd): void {
    const { accessLog, plane, plan } = this.#context;
    if (accessLog === null) return;
    const { route } = this.#routed;
    const durationMs = plane.clock.now() - this.startedAt;
    accessLog.record({
      time: plane.clock.wall() - durationMs,
      listener: plan.name,
      client: forwarding.clientAddress(head),
      method: head.method,
      host: head.host,
      path: head.path,
      protocol: end.phase === 'tunnel' ? 'websocket' : `HTTP/1.${head.minor}`,
      status: this.status,
      bytesIn,
      bytesOut,
      durationMs,
      route: route?.id ?? null,
      upstream: route?.upstreamId ?? null,
      tries: this.#tries ?? [],
      end,
    });
  }
}
