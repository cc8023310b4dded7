import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../core/address.ts';
import { listenError } from '../core/listen-error.ts';
import type { CounterBlock } from '../telemetry/counter-table.ts';
import { ListenerField } from '../telemetry/counters.ts';
import type { ListenerPlan } from './listener.ts';

/** Connections that may wait to be accepted; the system's own bound (net.core.somaxconn) holds besides. */
const BACKLOG = 4096;

export interface AcceptOptions {
  readonly counters: CounterBlock;
  /** True leaves an accepted socket unread until its `resume`. */
  readonly pauseOnConnect: boolean;
  onConnection(socket: Socket): void;
  /** Accepting failed, for lack of descriptors for example; it goes on. May come in rapid succession. */
  onError(error: Error): void;
}

/** A bound socket: accepts up to a number of connections, and counts them. Without Nagle's delay; half-open allowed. */
export class AcceptingSocket {
  readonly #plan: ListenerPlan;
  readonly #options: AcceptOptions;
  readonly #server: Server;
  readonly #onClose: () => void;
  #connections = 0;
  #stopped: Promise<void> | null = null;

  constructor(plan: ListenerPlan, options: AcceptOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: options.pauseOnConnect });
    this.#server.maxConnections = plan.maxConnections;
    this.#onClose = () => {
      this.#connections -= 1;
      options.counters.add(plan.slot, ListenerField.closed, 1);
    };
  }

  /** Accepted connections that are open now. */
  get connections(): number {
    return this.#connections;
  }

  /** Binds; resolves with the address. Rejects with LISTEN_FAILED, which says what to do. */
  listen(): Promise<Address> {
    const server = this.#server;
    const { host, port } = this.#plan.address;
    server.on('connection', (socket) => this.#accept(socket));
    server.on('drop', () => this.#options.counters.add(this.#plan.slot, ListenerField.refused, 1));
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(this.#plan.name, 'stream_listen', error)));
      server.listen({ host, port, backlog: BACKLOG, reusePort: this.#plan.reusePort }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#options.onError(error));
        const bound = server.address() as AddressInfo;
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /** Accepts no more. Resolves when every accepted connection is closed. Idempotent, and safe after a failed `listen`. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => this.#server.close(() => resolve()));
    return this.#stopped;
  }

  #accept(socket: Socket): void {
    this.#connections += 1;
    this.#options.counters.add(this.#plan.slot, ListenerField.accepted, 1);
    socket.on('close', this.#onClose);
    this.#options.onConnection(socket);
  }
}
