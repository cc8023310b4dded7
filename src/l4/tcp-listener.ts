import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Address } from '../core/address.ts';
import type { Timer } from '../core/clock.ts';
import { WheelTimer } from '../core/timer-wheel.ts';
import { ListenerField } from '../telemetry/counters.ts';
import { AcceptingSocket } from './accept.ts';
import { readClientHello } from './client-hello.ts';
import type { DataPlane, Listener, ListenerPlan } from './listener.ts';
import type { ConnectionPeers } from './peers.ts';
import { Preface } from './preface.ts';
import { ReadBufferPool } from './read-buffer.ts';
import { reset } from './reset.ts';
import { SparseLog } from './sparse-log.ts';
import { StreamRouter } from './stream-router.ts';
import { type StreamHost, type StreamSettings, TcpStream } from './tcp-stream.ts';

/** How often the bytes of streams under way are added to the counters. */
const COUNT_MS = 10_000;

/** How long a client may take to say which server it wants; then it gets the default route. */
const HELLO_MS = 5000;
/** Bytes that are looked into for that. */
const HELLO_BYTES = 32 * 1024;

/** Accepts TCP connections and relays each to a node of the upstream that its stream route names. */
export class TcpListener implements Listener {
  readonly name: string;
  readonly #plan: ListenerPlan;
  readonly #plane: DataPlane;
  readonly #host: StreamHost;
  readonly #accepting: AcceptingSocket;
  readonly #log: SparseLog;
  readonly #streams = new Set<TcpStream>();
  /** Clients that have not said which server they want. */
  readonly #undecided = new Set<Socket>();
  readonly #countTimer: WheelTimer;
  #router = new StreamRouter([], 0);

  constructor(plan: ListenerPlan, plane: DataPlane, settings: StreamSettings) {
    this.name = plan.name;
    this.#plan = plan;
    this.#plane = plane;
    this.#log = new SparseLog(plane.log, plane.clock);
    this.#countTimer = new WheelTimer(() => this.#count());
    this.#host = {
      plane,
      settings,
      buffers: new ReadBufferPool(),
      slot: plan.slot,
      onUnserved: (stream, error) => {
        const fields = { route: stream.route.id, code: error.code };
        this.#unserved(ListenerField.refusedNode, error.message, fields);
      },
      onDone: (stream) => this.#streams.delete(stream),
    };
    this.#accepting = new AcceptingSocket(plan, {
      plane,
      setting: 'stream_listen',
      pauseOnConnect: true,
      onConnection: (socket, peers) => this.#accept(socket, peers),
    });
  }

  get connections(): number {
    return this.#accepting.connections;
  }

  async start(): Promise<Address> {
    const address = await this.#accepting.listen();
    const { snapshots } = this.#plane;
    let routes = snapshots.current.streamRoutes;
    this.#router = new StreamRouter(routes, address.port);
    snapshots.onReplaced((snapshot) => {
      if (snapshot.streamRoutes === routes) return;
      routes = snapshot.streamRoutes;
      this.#router = new StreamRouter(routes, address.port);
    });
    return address;
  }

  drain(): void {
    void this.#accepting.stop();
  }

  async close(deadline: number): Promise<void> {
    const cutter = this.#cutAt(deadline);
    await this.#accepting.stop();
    cutter.cancel();
    this.#plane.wheel.remove(this.#countTimer);
  }

  abandon(): void {
    this.#cutAll();
  }

  #cutAt(deadline: number): Timer {
    const { clock } = this.#plane;
    return clock.after(Math.max(0, deadline - clock.now()), () => this.#cutAll());
  }

  #cutAll(): void {
    for (const stream of this.#streams) stream.cut('SHUTDOWN');
    for (const socket of this.#undecided) reset(socket);
    this.#accepting.cutEntering();
  }

  #accept(socket: Socket, peers: ConnectionPeers): void {
    socket.on('error', ignore);
    if (socket instanceof TLSSocket) {
      const name: unknown = socket.servername;
      this.#route(socket, peers, typeof name === 'string' ? name.toLowerCase() : null);
    } else if (this.#router.readsServerName) {
      this.#readServerName(socket, peers);
    } else {
      this.#route(socket, peers, null);
    }
  }

  /** A client of which no name can be read, for whatever reason, gets the route for those that name none. */
  #readServerName(socket: Socket, peers: ConnectionPeers): void {
    let serverName: string | null = null;
    this.#undecided.add(socket);
    const preface = new Preface(socket, {
      wheel: this.#plane.wheel,
      timeoutMs: HELLO_MS,
      maxBytes: HELLO_BYTES,
      read: (bytes) => {
        const hello = readClientHello(bytes);
        if (hello.kind === 'partial') return -hello.needs;
        if (hello.kind === 'hello') serverName = hello.serverName;
        return 0;
      },
      onEnd: (end) => {
        this.#undecided.delete(socket);
        if (end === 'closed') reset(socket);
        else this.#route(socket, peers, serverName);
      },
    });
    preface.start();
  }

  #route(socket: Socket, peers: ConnectionPeers, serverName: string | null): void {
    const snapshot = this.#plane.snapshots.current;
    const route = this.#router.match(peers, serverName);
    const upstream = route && snapshot.upstreams.get(route.upstreamId);
    if (!upstream) {
      reset(socket);
      const message = route ? 'the upstream of the route does not exist' : 'no stream route matches the connection';
      this.#unserved(ListenerField.refusedRoute, message, { route: route?.id ?? null, code: 'NO_ROUTE', serverName });
      return;
    }
    const stream = new TcpStream({ socket, peers }, route, upstream, snapshot, this.#host);
    if (this.#streams.size === 0) this.#plane.wheel.arm(this.#countTimer, COUNT_MS);
    this.#streams.add(stream);
    stream.start();
  }

  #unserved(field: number, message: string, fields: Record<string, unknown>): void {
    this.#plane.listenerCounters.add(this.#plan.slot, field, 1);
    this.#log.warn('stream.unserved', message, { listener: this.name, ...fields });
  }

  #count(): void {
    for (const stream of this.#streams) stream.count();
    if (this.#streams.size > 0) this.#plane.wheel.arm(this.#countTimer, COUNT_MS);
  }
}

function ignore(): void {}
