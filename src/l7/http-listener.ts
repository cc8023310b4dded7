import type { Socket } from 'node:net';
import type { Address } from '../core/address.ts';
import { reasonOf } from '../core/errors.ts';
import type { TimerWheel } from '../core/timer-wheel.ts';
import { AcceptingSocket } from '../l4/accept.ts';
import type { DataPlane, Listener, ListenerPlan } from '../l4/listener.ts';
import type { ConnectionPeers } from '../l4/peers.ts';
import { ReadBufferPool } from '../l4/read-buffer.ts';
import type { AccessLog } from '../telemetry/access-log.ts';
import { ListenerField } from '../telemetry/counters.ts';
import { ConnectionPool } from '../upstream/connection-pool.ts';
import type { PlannedRoute } from '../upstream/plan.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import { ClientConnection, type ConnectionOwner } from './client-connection.ts';
import { Router } from './router.ts';
import type { HttpSettings } from './settings.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Different crashes that are reported; a bug must not fill the log. */
const MAX_CRASH_REPORTS = 100;

/** Accepts HTTP/1.x clients, and owns their connections and the idle ones to the nodes. */
export class HttpListener implements Listener, ConnectionOwner {
  readonly name: string;
  readonly plan: ListenerPlan;
  readonly plane: DataPlane;
  readonly settings: HttpSettings;
  readonly accessLog: AccessLog | null;
  readonly wheel: TimerWheel;
  readonly buffers = new ReadBufferPool();
  readonly pool: ConnectionPool<UpstreamConnection>;
  draining = false;
  port: number;
  readonly #accepting: AcceptingSocket;
  readonly #connections = new Set<ClientConnection>();
  readonly #crashes = new Set<string>();
  #routes: readonly PlannedRoute[];
  #router: Router;
  #whenEmpty: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(plan: ListenerPlan, plane: DataPlane, settings: HttpSettings, accessLog: AccessLog | null) {
    this.name = plan.name;
    this.plan = plan;
    this.plane = plane;
    this.settings = settings;
    this.accessLog = accessLog;
    this.wheel = plane.wheel;
    this.port = plan.address.port;
    this.pool = new ConnectionPool(plane.snapshots);
    this.#routes = plane.snapshots.current.routes;
    this.#router = new Router(this.#routes);
    this.#accepting = new AcceptingSocket(plan, {
      plane,
      setting: 'listen',
      streams: false,
      pauseOnConnect: false,
      onConnection: (socket, peers) => this.#accept(socket, peers),
    });
  }

  get connections(): number {
    return this.#accepting.connections;
  }

  routerOf(snapshot: Snapshot): Router {
    if (snapshot.routes !== this.#routes) {
      this.#routes = snapshot.routes;
      this.#router = new Router(snapshot.routes);
    }
    return this.#router;
  }

  countSent(bytes: number): void {
    this.plane.listenerCounters.add(this.plan.slot, ListenerField.sentBytes, bytes);
  }

  reportCrash(error: unknown): void {
    const reason = reasonOf(error);
    if (this.#crashes.has(reason) || this.#crashes.size >= MAX_CRASH_REPORTS) return;
    this.#crashes.add(reason);
    const stack = error instanceof Error ? error.stack : undefined;
    this.plane.log.error('http.exchange-crashed', `a request could not be handled because of a bug: ${reason}`, {
      stack,
    });
  }

  async start(): Promise<Address> {
    const address = await this.#accepting.listen();
    this.port = address.port;
    return address;
  }

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    void this.#accepting.stop();
    for (const connection of this.#connections) connection.drain();
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  abandon(): void {
    for (const connection of this.#connections) connection.destroy();
    this.#accepting.cutEntering();
  }

  connectionClosed(connection: ClientConnection): void {
    if (this.#connections.delete(connection) && this.#connections.size === 0) this.#whenEmpty?.();
  }

  async #close(deadline: number): Promise<void> {
    this.drain();
    const { clock } = this.plane;
    const timer = clock.after(Math.max(0, deadline - clock.now()), () => this.abandon());
    await this.#accepting.stop();
    // A tunnel may end a little after its client.
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    timer.cancel();
    this.pool.close();
  }

  #accept(socket: Socket, peers: ConnectionPeers): void {
    const connection = new ClientConnection(socket, peers, this);
    this.#connections.add(connection);
    if (this.draining) connection.drain();
    // What a PROXY header left behind waits to be read.
    if (socket.isPaused()) socket.resume();
  }
}
