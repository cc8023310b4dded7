import { OUTCOMES, type Outcome } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import type { AccessEnd, AccessTry } from '../telemetry/access-log.ts';
import { durationField, RouteField, statusField } from '../telemetry/counters.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedRoute } from '../upstream/plan.ts';
import type { RequestHead } from './head.ts';
import type { HttpContext } from './http-context.ts';

/** What is to be counted and logged of one exchange. Reused from request to request. */
export class ExchangeRecord {
  /** Monotonic milliseconds at which the head was complete. */
  startedAt = 0;
  route: PlannedRoute | null = null;
  /** Status sent to the client; 499 when it went away first. */
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Stays null unless an access log asks. */
  #tries: AccessTry[] | null = null;

  begin(now: number): void {
    this.startedAt = now;
    this.route = null;
    this.status = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    this.#tries = null;
  }

  tried(handle: TableHandle, outcome: Outcome, micros: number): void {
    this.#tries ??= [];
    this.#tries.push({ node: formatAddress(handle.node), outcome: OUTCOMES[outcome]!, micros: Math.round(micros) });
  }

  count(context: HttpContext, now: number): void {
    const { route } = this;
    if (route === null) return;
    const counters = context.plane.routeCounters;
    const seconds = (now - this.startedAt) / 1000;
    counters.add(route.slot, statusField(this.status), 1);
    counters.add(route.slot, durationField(seconds), 1);
    counters.add(route.slot, RouteField.durationSum, seconds);
    this.countBytes(context);
  }

  countBytes(context: HttpContext): void {
    const { route } = this;
    if (route === null) return;
    const counters = context.plane.routeCounters;
    if (this.bytesIn > 0) counters.add(route.slot, RouteField.requestBytes, this.bytesIn);
    if (this.bytesOut > 0) counters.add(route.slot, RouteField.responseBytes, this.bytesOut);
  }

  log(context: HttpContext, head: RequestHead, client: string, protocol: string, end: AccessEnd): void {
    if (context.accessLog === null) return;
    const { clock } = context.plane;
    const durationMs = clock.now() - this.startedAt;
    context.accessLog.record({
      time: clock.wall() - durationMs,
      listener: context.plan.name,
      client,
      method: head.method,
      host: head.host,
      path: head.path,
      protocol,
      status: this.status,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      durationMs,
      route: this.route?.id ?? null,
      upstream: this.route?.upstreamId ?? null,
      tries: this.#tries ?? [],
      end,
    });
  }
}
