import type { RemoteInfo } from 'node:dgram';
import type { Address } from '../core/address.ts';
import { settledBy } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { WheelTimer } from '../core/timer-wheel.ts';
import { ListenerField, openConnections } from '../telemetry/counters.ts';
import type { DataPlane, Listener } from './listener.ts';
import { localAddresses } from './local-addresses.ts';
import { SparseLog } from './sparse-log.ts';
import { StreamRouter } from './stream-router.ts';
import { UdpBinding } from './udp-binding.ts';
import type { UdpEnd } from './udp-end.ts';
import type { ForeignDatagram, UdpExchange } from './udp-exchange.ts';
import type { LocalSocket } from './udp-local-socket.ts';
import type { UdpListenerPlan } from './udp-plan.ts';
import { type UdpHost, UdpSession } from './udp-session.ts';
import { sessionKey, UdpSessions } from './udp-sessions.ts';
import { UnansweredBudget } from './udp-unanswered.ts';

/** A session's last use is known to this part of the idle timeout, but not finer than the timer wheel allows. */
const IDLE_TICKS = 16;
const LEAST_TICK_MS = 200;
/** What the wheel adds to every deadline. */
const WHEEL_MS = 100;
/** How often the bytes of sessions under way are added to the counters. */
const COUNT_MS = 10_000;
/** How long a drain waits for answers. */
const DRAIN_MS = 5000;

type Client = Pick<RemoteInfo, 'address' | 'port'>;

/** Relays datagrams between clients and nodes of the upstreams that the stream routes name, by sessions. */
export class UdpListener implements Listener {
  readonly name: string;
  readonly #plan: UdpListenerPlan;
  readonly #plane: DataPlane;
  readonly #binding: UdpBinding;
  readonly #log: SparseLog;
  readonly #sessions = new UdpSessions();
  readonly #host: UdpHost;
  readonly #idleTimer = new WheelTimer(() => this.#sweep());
  readonly #countTimer = new WheelTimer(() => this.#count());
  readonly #drainTimer = new WheelTimer(() => this.#endAll('shutdown'));
  #router = new StreamRouter([], 0);
  /** The listener's count of time: `#idleTicks` of them make the idle timeout. */
  #tick = 0;
  readonly #idleTicks: number;
  #emptied: (() => void) | null = null;

  constructor(plan: UdpListenerPlan, plane: DataPlane, addresses = localAddresses) {
    this.name = plan.name;
    this.#plan = plan;
    this.#plane = plane;
    this.#idleTicks = Math.max(1, Math.min(IDLE_TICKS, Math.floor(plan.idleTimeoutMs / LEAST_TICK_MS)));
    this.#log = new SparseLog(plane.log, plane.clock);
    this.#host = {
      plane,
      slot: plan.slot,
      responses: plan.responses,
      budget: new UnansweredBudget(),
      logging: plane.streamLog && { listener: plan.name, clock: plane.clock, log: plane.streamLog },
      draining: false,
      routeOf: (session) => this.#routeOf(session),
      onUsed: (session) => this.#used(session),
      onEnded: (session, end, detail) => this.#ended(session, end, detail),
    };
    this.#binding = new UdpBinding(plan, plane.wheel, addresses, {
      onDatagram: (local, datagram, from) => this.#received(local, datagram, from),
      onDropped: () => this.#add(ListenerField.dropped),
      onError: (error) => this.#log.warn('listener.receive-failed', reasonOf(error), { listener: plan.name }),
      onGone: (local) => this.#endAll('address-gone', local),
    });
  }

  /** Sessions. */
  get connections(): number {
    return this.#sessions.size;
  }

  async start(): Promise<Address> {
    const address = await this.#binding.open();
    const { snapshots, exchange } = this.#plane;
    exchange?.onDatagram(this.#plan.slot, (foreign) => this.#receivedElsewhere(foreign));
    let routes = snapshots.current.streamRoutes;
    this.#router = new StreamRouter(routes, address.port, 'udp');
    snapshots.onReplaced((snapshot) => {
      if (snapshot.streamRoutes === routes) return;
      routes = snapshot.streamRoutes;
      this.#router = new StreamRouter(routes, address.port, 'udp');
    });
    return address;
  }

  /** Takes no new clients; sessions end when nothing is asked any more, and after five seconds at the latest. */
  drain(): void {
    if (this.#host.draining) return;
    this.#host.draining = true;
    for (const session of this.#sessions) if (!session.waiting) session.end('shutdown');
    if (this.#sessions.size > 0) this.#plane.wheel.arm(this.#drainTimer, DRAIN_MS);
  }

  async close(deadline: number): Promise<void> {
    this.drain();
    if (this.#sessions.size > 0) {
      const emptied = new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
      await settledBy(this.#plane.clock, deadline, emptied);
    }
    this.#endAll('shutdown');
    for (const timer of [this.#idleTimer, this.#countTimer, this.#drainTimer]) this.#plane.wheel.remove(timer);
    await this.#binding.close();
  }

  /** There is no way to tell a client. */
  abandon(): void {}

  #received(local: LocalSocket, datagram: Buffer, from: RemoteInfo): void {
    const key = sessionKey(local.id, from.port);
    const known = this.#sessions.find(from.address, key);
    if (known) return known.fromClient(datagram);
    const { exchange } = this.#plane;
    const mark = exchange === null ? 0 : exchange.owners.markOf(this.#plan.slot, local.host, from.address, from.port);
    if (exchange !== null && this.#handOver(exchange, mark, local, datagram, from)) return;
    this.#admit(local, key, from, mark)?.fromClient(datagram);
  }

  /** False when no other worker has the client's session. */
  #handOver(
    exchange: UdpExchange,
    mark: number,
    { host: local }: LocalSocket,
    datagram: Buffer,
    { address, port }: RemoteInfo,
  ): boolean {
    const owner = exchange.owners.ownerOf(mark);
    if (owner < 0) return false;
    const result = exchange.send(owner, { slot: this.#plan.slot, local, address, port, datagram });
    if (result === 'full') this.#add(ListenerField.dropped);
    return result !== 'gone';
  }

  /** Another worker takes the session for one of this one. If it is not, or has just ended, it becomes one. */
  #receivedElsewhere({ local: host, address, port, datagram }: ForeignDatagram): void {
    const { exchange } = this.#plane;
    const local = this.#binding.at(host);
    if (!local || !exchange) return;
    const key = sessionKey(local.id, port);
    const mark = exchange.owners.markOf(this.#plan.slot, host, address, port);
    const session = this.#sessions.find(address, key) ?? this.#admit(local, key, { address, port }, mark);
    session?.fromClient(Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength));
  }

  #admit(local: LocalSocket, key: number, from: Client, mark: number): UdpSession | null {
    // Nothing can be sent to port 0.
    if (this.#host.draining || from.port === 0) return null;
    if (!this.#enter(from.address)) return null;
    if (this.#isFull()) this.#evict();
    const session = new UdpSession(local, key, from.address, from.port, this.#host);
    if (this.#sessions.size === 0) this.#arm();
    session.usedAt = this.#tick;
    session.mark = mark;
    this.#plane.exchange?.owners.begin(mark);
    this.#sessions.add(session);
    this.#add(ListenerField.accepted);
    return session;
  }

  /** Counts the source's session in; false when it has all that one may have. */
  #enter(address: string): boolean {
    const { slot, maxSessionsPerSource } = this.#plan;
    if (maxSessionsPerSource === 0 || this.#plane.sources?.enter(slot, address, maxSessionsPerSource)) return true;
    this.#add(ListenerField.refusedSource);
    this.#log.warn('udp.source-full', 'a client address has all the sessions that one may have', {
      ...{ listener: this.name, client: address },
    });
    return false;
  }

  /** Whether one more must take the place of another one here. */
  #isFull(): boolean {
    const { size } = this.#sessions;
    const { evenShare, maxConnections } = this.#plan;
    return size >= maxConnections || (size >= evenShare && this.#excess() >= 0);
  }

  /** By how much the sessions of all workers exceed what there may be; below 0 when there is room. */
  #excess(): number {
    const { slot, maxSessions } = this.#plan;
    return openConnections(this.#plane.listenerSums, slot) - maxSessions;
  }

  #evict(): void {
    this.#add(ListenerField.evicted);
    this.#log.warn('udp.sessions-full', 'the session unused for longest is ended to make room for a new one', {
      ...{ listener: this.name, sessions: this.#sessions.size },
    });
    this.#sessions.oldest?.end('evicted');
  }

  #routeOf(session: UdpSession) {
    return this.#router.match({ localAddress: session.local.host, remoteAddress: session.address });
  }

  #used(session: UdpSession): void {
    session.usedAt = this.#tick;
    this.#sessions.touch(session);
  }

  #ended(session: UdpSession, end: UdpEnd, detail: string): void {
    const { slot, maxSessionsPerSource } = this.#plan;
    this.#sessions.remove(session);
    this.#add(ListenerField.closed);
    this.#plane.exchange?.owners.end(session.mark);
    if (maxSessionsPerSource > 0) this.#plane.sources?.leave(slot, session.address);
    if (end === 'no-route' || end === 'no-node' || end === 'shortage') {
      this.#add(end === 'no-route' ? ListenerField.refusedRoute : ListenerField.refusedNode);
      const fields = { listener: this.name, route: session.route?.id ?? null, reason: end };
      this.#log.warn('udp.unserved', detail, fields);
    }
    if (this.#sessions.size === 0) this.#emptied?.();
  }

  #endAll(end: UdpEnd, of: LocalSocket | null = null): void {
    for (const session of this.#sessions) if (!of || session.local === of) session.end(end);
  }

  #arm(): void {
    this.#armIdle();
    this.#plane.wheel.arm(this.#countTimer, COUNT_MS);
  }

  #armIdle(): void {
    const ms = this.#plan.idleTimeoutMs / this.#idleTicks - WHEEL_MS;
    this.#plane.wheel.arm(this.#idleTimer, Math.max(1, ms));
  }

  #sweep(): void {
    this.#tick += 1;
    for (let last = this.#sessions.oldest; last; last = this.#sessions.oldest) {
      if (this.#tick - last.usedAt <= this.#idleTicks) break;
      last.end('idle');
    }
    this.#giveBack();
    if (this.#sessions.size > 0) this.#armIdle();
  }

  /**
   * A worker that has its even share or more gives up its oldest for a new one when there are as many sessions as there may
   * be; one that has less takes what it is sure of, and then those that have more shed theirs.
   */
  #giveBack(): void {
    const surplus = Math.min(this.#excess(), this.#sessions.size - this.#plan.evenShare);
    for (let count = 0; count < surplus; count++) this.#evict();
  }

  #count(): void {
    for (const session of this.#sessions) {
      session.count();
      if (session.usedAt < this.#tick) session.forget();
    }
    if (this.#sessions.size > 0) this.#plane.wheel.arm(this.#countTimer, COUNT_MS);
  }

  #add(field: number): void {
    this.#plane.listenerCounters.add(this.#plan.slot, field, 1);
  }
}
