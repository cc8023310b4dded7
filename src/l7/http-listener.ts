import { createServer, type Server, type Socket } from 'node:net';
import { type Address, formatAddress } from '../core/address.ts';
import { reasonOf } from '../core/errors.ts';
import { listenError } from '../core/listen-error.ts';
import type { TimerWheel } from '../core/timer-wheel.ts';
import type { DataPlane, Listener, ListenerPlan } from '../l4/listener.ts';
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

const BACKLOG = 4096;
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
  readonly #server: Server;
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
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  get connections(): number {
    return this.#connections.size;
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

  start(): Promise<Address> {
    const { address, reusePort } = this.plan;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => reject(listenError(formatAddress(address), 'listen', error));
      server.once('error', fail);
      server.listen({ host: address.host, port: address.port, reusePort, exclusive: true, backlog: BACKLOG }, () => {
        server.off('error', fail);
        server.on('error', (error) => this.#acceptFailed(error));
        const bound = server.address();
        if (bound !== null && typeof bound === 'object') this.port = bound.port;
        resolve({ host: address.host, port: this.port });
      });
    });
  }

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    if (this.#server.listening) this.#server.close();
    for (const connection of this.#connections) connection.drain();
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  connectionClosed(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.plane.listenerCounters.add(this.plan.slot, ListenerField.closed, 1);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  async #close(deadline: number): Promise<void> {
    this.drain();
    const { clock } = this.plane;
    const timer = clock.after(Math.max(0, deadline - clock.now()), () => {
      for (const connection of this.#connections) connection.destroy();
    });
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    timer.cancel();
    this.pool.close();
  }

  #accept(socket: Socket): void {
    const { listenerCounters } = this.plane;
    if (this.#connections.size >= this.plan.maxConnections || this.draining) {
      listenerCounters.add(this.plan.slot, ListenerField.refused, 1);
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    listenerCounters.add(this.plan.slot, ListenerField.accepted, 1);
    this.#connections.add(new ClientConnection(socket, this));
  }

  /** Accepting goes on: the error of one accept, such as too many open files, says nothing about the next. */
  #acceptFailed(error: Error): void {
    this.plane.log.warn('http.accept-failed', `${this.name}: a connection could not be accepted: ${reasonOf(error)}`);
  }
}

function ignore(): void {}
