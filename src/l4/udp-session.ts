import { hashAddress } from '../balancers/hash.ts';
import { NO_HANDLES, Outcome, type PickContext } from '../balancers/types.ts';
import { formatAddress } from '../core/address.ts';
import { reasonOf } from '../core/errors.ts';
import { WheelTimer } from '../core/timer-wheel.ts';
import { ListenerField, RouteField } from '../telemetry/counters.ts';
import { StreamEnd } from '../telemetry/stream-ends.ts';
import { FURTHER_NODES } from '../upstream/further-nodes.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { PlannedStreamRoute } from '../upstream/plan.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { DataPlane } from './listener.ts';
import { mayStay } from './may-stay.ts';
import { OWN_FAULTS } from './own-faults.ts';
import { countStreamEnd } from './stream-end.ts';
import { type StreamLogging, StreamRecord } from './stream-record.ts';
import { causeOf, phaseOf, streamEndOf, type UdpEnd } from './udp-end.ts';
import { type LegOwner, UdpLeg } from './udp-leg.ts';
import type { LocalSocket } from './udp-local-socket.ts';
import type { UnansweredBudget } from './udp-unanswered.ts';

/** How long answers of a node are still passed on after its session has gone to another one. */
const LINGER_MS = 5000;

/** What the sessions of a listener share. */
export interface UdpHost {
  readonly plane: DataPlane;
  /** Row of the listener's counters. */
  readonly slot: number;
  readonly responses: number | null;
  readonly budget: UnansweredBudget;
  /** Null when sessions are not logged. */
  readonly logging: StreamLogging | null;
  /** Sessions end as soon as nothing is asked any more. */
  draining: boolean;
  /** The route of a client by the snapshot in force; null when there is none. */
  routeOf(session: UdpSession): PlannedStreamRoute | null;
  onUsed(session: UdpSession): void;
  /** `detail`: what an operator needs to know, when something is wrong. */
  onEnded(session: UdpSession, end: UdpEnd, detail: string): void;
}

/**
 * What one client port and one address of this machine say to each other, by way of one node. The node stays the same as long
 * as it is usable and in the plan: both are looked at with each datagram of the client, by comparing two numbers.
 */
export class UdpSession implements LegOwner {
  readonly local: LocalSocket;
  readonly key: number;
  readonly address: string;
  readonly port: number;
  /** Neighbours in the order of last use; the table's. */
  older: UdpSession | null = null;
  newer: UdpSession | null = null;
  /** By what other workers know it; 0 where there are none. */
  mark = 0;
  /** When it was last used, in the listener's own count of time. */
  usedAt = 0;
  readonly #host: UdpHost;
  readonly #context: PickContext = { hash: 0, now: 0, tried: NO_HANDLES };
  #route: PlannedStreamRoute | null = null;
  #upstream: Upstream | null = null;
  /** Versions of the snapshot and of the ready set by which the node was chosen, or found good. */
  #snapshotVersion = -1;
  #readyVersion = -1;
  #leg: UdpLeg | null = null;
  /** The node before, while answers of it may still come. */
  #previous: UdpLeg | null = null;
  #linger: WheelTimer | null = null;
  #triedSince = 0;
  #requests = 0;
  #replies = 0;
  #receivedBytes = 0;
  #sentBytes = 0;
  #ended = false;
  readonly #startedAt: number;
  /** Null when it is not logged. */
  readonly #record: StreamRecord | null;

  constructor(local: LocalSocket, key: number, address: string, port: number, host: UdpHost) {
    this.local = local;
    this.key = key;
    this.address = address;
    this.port = port;
    this.#host = host;
    this.#startedAt = host.plane.clock.now();
    this.#record = host.logging && new StreamRecord(host.logging, 'udp', { remoteAddress: address, remotePort: port });
  }

  /** The route that it was last sent by. */
  get route(): PlannedStreamRoute | null {
    return this.#route;
  }

  /** A datagram of the client has not been answered. */
  get waiting(): boolean {
    return (this.#leg !== null && !this.#leg.unanswered.empty) || this.#previous !== null;
  }

  fromClient(datagram: Buffer): void {
    this.#requests += 1;
    this.#receivedBytes += datagram.length;
    this.#host.onUsed(this);
    if (!this.#isCurrent() && !this.#review()) return;
    if (this.#leg) this.#leg.send(datagram);
    else this.#begin([datagram], null);
  }

  /** Adds what was carried since the last time to the counters. */
  count(): void {
    this.#leg?.count();
    this.#previous?.count();
    const { plane, slot } = this.#host;
    if (this.#route) {
      plane.routeCounters.add(this.#route.slot, RouteField.requestBytes, this.#receivedBytes);
      plane.routeCounters.add(this.#route.slot, RouteField.responseBytes, this.#sentBytes);
    }
    plane.listenerCounters.add(slot, ListenerField.receivedBytes, this.#receivedBytes);
    plane.listenerCounters.add(slot, ListenerField.sentBytes, this.#sentBytes);
    if (this.#record) {
      this.#record.bytesIn += this.#receivedBytes;
      this.#record.bytesOut += this.#sentBytes;
    }
    this.#receivedBytes = 0;
    this.#sentBytes = 0;
  }

  /** A refusal would have come by now: the datagrams kept for it need not be kept longer. */
  forget(): void {
    this.#leg?.unanswered.clear();
  }

  /** Idempotent. Counts everything, and counts the node out. */
  end(end: UdpEnd, detail = '', reason: StreamEnd = streamEndOf(end)): void {
    if (this.#ended) return;
    this.#ended = true;
    this.count();
    const silent = end === 'idle' && this.#host.responses !== null ? Outcome.timeout : Outcome.aborted;
    if (this.#leg) this.#endLeg(this.#leg, this.#leg.answered ? Outcome.success : silent);
    this.#leg = null;
    this.#endPrevious();
    this.#report(reason);
    this.#host.onEnded(this, end, detail);
  }

  #report(reason: StreamEnd): void {
    const { plane, responses } = this.#host;
    const route = this.#route;
    if (route) countStreamEnd(plane.routeCounters, route.slot, reason, plane.clock.now() - this.#startedAt);
    const record = this.#record;
    if (!record) return;
    record.route = route;
    record.datagramsIn = this.#requests;
    record.datagramsOut = this.#replies;
    record.end(reason, phaseOf(reason), causeOf(reason, responses !== null));
  }

  onReply(leg: UdpLeg, datagram: Buffer): void {
    const { plane, responses } = this.#host;
    this.#replies += 1;
    this.#sentBytes += datagram.length;
    this.#host.onUsed(this);
    if (!leg.answered) {
      leg.answered = true;
      const now = plane.clock.now();
      leg.answerMicros = Math.max(1, (now - leg.startedAt) * 1000);
      leg.handle.answered(leg.answerMicros, now);
      this.#record?.fromNode();
      leg.handle.established();
      this.#context.tried = NO_HANDLES;
    }
    this.local.send(datagram, this.port, this.address);
    if (responses !== null && this.#replies >= responses * this.#requests) this.end('answered');
    else if (this.#host.draining && !this.waiting) this.end('shutdown');
  }

  onFailed(leg: UdpLeg, error: NodeJS.ErrnoException): void {
    if (leg === this.#previous) return this.#endPrevious();
    const own = OWN_FAULTS.has(error.code);
    const datagrams = leg.unanswered.take();
    const failure = leg.answered ? Outcome.reset : Outcome.connectFailure;
    this.#leg = null;
    this.#endLeg(leg, own ? Outcome.aborted : failure);
    if (own) return this.end('shortage', reasonOf(error));
    // A node that was good for a while starts a new search: what failed before it may be good again.
    if (this.#host.plane.clock.now() - leg.startedAt > LINGER_MS) this.#context.tried = NO_HANDLES;
    if (!this.#isCurrent() && !this.#review()) return;
    this.#upstream?.connectFailed(leg.handle, this.#host.plane.clock.now());
    if (datagrams.length > 0) this.#retry(leg.handle, datagrams, error);
  }

  onDropped(): void {
    this.#host.plane.listenerCounters.add(this.#host.slot, ListenerField.dropped, 1);
  }

  #retry(failed: TableHandle, datagrams: readonly Buffer[], error: Error): void {
    const upstream = this.#upstream;
    if (!upstream) return;
    const { plane } = this.#host;
    const { retries, retryTimeout } = upstream.plan;
    if (this.#context.tried.length === 0) this.#triedSince = plane.clock.now();
    this.#context.tried = [...this.#context.tried, failed];
    const late = retryTimeout > 0 && plane.clock.now() - this.#triedSince >= retryTimeout;
    const refusal = `can't reach ${formatAddress(failed.node)}: ${reasonOf(error)}`;
    if (late || this.#context.tried.length > (retries ?? FURTHER_NODES)) {
      return this.end('no-node', refusal, StreamEnd.connectFailed);
    }
    this.#begin(datagrams, refusal);
  }

  /** Picks a node and sends it the datagrams. `refusal`: why it was not the one before. */
  #begin(datagrams: readonly Buffer[], refusal: string | null): void {
    const { plane, budget } = this.#host;
    const upstream = this.#upstream;
    if (!upstream) return;
    this.#context.now = plane.clock.now();
    const { id } = upstream.plan;
    if (refusal === null && !upstream.admits())
      return this.end('no-node', `upstream ${id}: its circuit breaker is open`, StreamEnd.breakerOpen);
    const handle = upstream.pick(this.#context, this.#route?.subset ?? null);
    if (!handle) return this.end('no-node', refusal ?? `upstream ${id} has no node`, this.#lack(refusal, upstream));
    if (refusal !== null && this.#route) plane.routeCounters.add(this.#route.slot, RouteField.retries, 1);
    this.#readyVersion = plane.table.version(upstream.plan.slot);
    handle.begin();
    const leg = new UdpLeg(handle, this.#context.now, budget, this);
    this.#leg = leg;
    for (const datagram of datagrams) leg.send(datagram);
    leg.open();
  }

  /** Why no node was picked. */
  #lack(refusal: string | null, upstream: Upstream): StreamEnd {
    if (refusal !== null) return StreamEnd.connectFailed;
    const isFull = upstream.selection(this.#route?.subset ?? null).isFull(this.#context);
    return isFull ? StreamEnd.nodesFull : StreamEnd.noNode;
  }

  #isCurrent(): boolean {
    const { snapshots, table } = this.#host.plane;
    const upstream = this.#upstream;
    return (
      upstream !== null &&
      snapshots.current.version === this.#snapshotVersion &&
      table.version(upstream.plan.slot) === this.#readyVersion
    );
  }

  /** Finds route and upstream in the snapshot in force, and leaves a node that is not to be used. False when it ended. */
  #review(): boolean {
    const { snapshots, table, clock } = this.#host.plane;
    const snapshot = snapshots.current;
    if (snapshot.version !== this.#snapshotVersion) {
      const route = this.#host.routeOf(this);
      if (this.#route && this.#route !== route) this.count();
      this.#route = route;
      this.#upstream = (route && snapshot.upstreams.get(route.upstreamId)) ?? null;
      this.#snapshotVersion = snapshot.version;
    }
    const upstream = this.#upstream;
    if (!upstream) {
      this.end('no-route', this.#route ? 'the upstream of the route does not exist' : 'no stream route matches');
      return false;
    }
    if (upstream.plan.stream?.tls) {
      this.end('no-route', `upstream ${upstream.plan.id} wants TLS, which datagrams can't be sent by`);
      return false;
    }
    this.#context.hash = upstream.plan.hash === null ? 0 : hashAddress(this.address);
    this.#readyVersion = table.version(upstream.plan.slot);
    const leg = this.#leg;
    if (leg && !mayStay(leg.handle, upstream, this.#route?.subset ?? null, table, clock.now())) this.#leave(leg);
    return true;
  }

  /** What the node was asked it may still answer. */
  #leave(leg: UdpLeg): void {
    this.#leg = null;
    if (leg.unanswered.empty) return this.#endLeg(leg, leg.answered ? Outcome.success : Outcome.aborted);
    this.#endPrevious();
    leg.unanswered.clear();
    this.#previous = leg;
    this.#linger ??= new WheelTimer(() => this.#endPrevious());
    this.#host.plane.wheel.arm(this.#linger, LINGER_MS);
  }

  #endPrevious(): void {
    const leg = this.#previous;
    this.#previous = null;
    if (this.#linger) this.#host.plane.wheel.remove(this.#linger);
    if (leg) this.#endLeg(leg, leg.answered ? Outcome.success : Outcome.aborted);
  }

  #endLeg(leg: UdpLeg, outcome: Outcome): void {
    leg.count();
    leg.close();
    const now = this.#host.plane.clock.now();
    leg.handle.end(outcome, now);
    this.#record?.tried(leg.handle, outcome, leg.answerMicros || (now - leg.startedAt) * 1000);
  }
}
