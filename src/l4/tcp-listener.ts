import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Address } from '../core/address.ts';
import type { Timer } from '../core/clock.ts';
import { WheelTimer } from '../core/timer-wheel.ts';
import { ListenerField } from '../telemetry/counters.ts';
import { StreamEnd } from '../telemetry/stream-ends.ts';
import type { PlannedStreamRoute } from '../upstream/plan.ts';
import { AcceptingSocket } from './accept.ts';
import { readClientHello } from './client-hello.ts';
import type { DataPlane, Listener, ListenerPlan } from './listener.ts';
import { Preface } from './preface.ts';
import { ReadBufferPool } from './read-buffer.ts';
import { reset } from './reset.ts';
import { SparseLog } from './sparse-log.ts';
import type { StreamRecord } from './stream-record.ts';
import { StreamRouter } from './stream-router.ts';
import { type StreamClient, type StreamHost, type StreamSettings, TcpStream } from './tcp-stream.ts';
import { nameOf } from './tls-terminator.ts';

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
  #whenServed: (() => void) | null = null;
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
      onDone: (stream) => {
        this.#streams.delete(stream);
        if (this.#streams.size === 0) this.#whenServed?.();
      },
    };
    this.#accepting = new AcceptingSocket(plan, {
      plane,
      setting: 'stream_listen',
      pauseOnConnect: true,
      streams: true,
      onConnection: (socket, peers, record) => this.#accept({ socket, peers, record }),
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
    // A stream may end a little after its client: the node has not taken everything yet, and there is an entry to log.
    if (this.#streams.size > 0) await new Promise<void>((resolve) => (this.#whenServed = resolve));
    cutter.cancel();
    this.#plane.wheel.remove(this.#countTimer);
  }

  abandon(): void {
    this.#accepting.cutEntering();
    for (const stream of this.#streams) stream.cut('SHUTDOWN');
    for (const socket of this.#undecided) reset(socket);
  }

  #cutAt(deadline: number): Timer {
    const { clock } = this.#plane;
    return clock.after(Math.max(0, deadline - clock.now()), () => this.abandon());
  }

  #accept(client: StreamClient): void {
    const { socket } = client;
    socket.on('error', ignore);
    if (socket instanceof TLSSocket) this.#route(client, nameOf(socket));
    else if (this.#router.readsServerName) this.#readServerName(client);
    else this.#route(client, null);
  }

  /** A client of which no name can be read, for whatever reason, gets the route for those that name none. */
  #readServerName(client: StreamClient): void {
    const { socket, record } = client;
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
        if (end !== 'closed') return this.#route(client, serverName);
        reset(socket);
        if (this.#accepting.isCutting) record?.end(StreamEnd.shutdown, 'hello', 'SHUTDOWN');
        else record?.end(StreamEnd.clientClosed, 'hello', 'CLIENT_CLOSED');
      },
    });
    preface.start();
  }

  #route(client: StreamClient, serverName: string | null): void {
    const { socket, peers, record } = client;
    const snapshot = this.#plane.snapshots.current;
    const route = this.#router.match(peers, serverName);
    const upstream = route && snapshot.upstreams.get(route.upstreamId);
    if (record) noteRoute(record, route, serverName);
    if (!upstream) {
      reset(socket);
      record?.end(StreamEnd.route, 'route', 'NO_ROUTE');
      const message = route ? 'the upstream of the route does not exist' : 'no stream route matches the connection';
      this.#unserved(ListenerField.refusedRoute, message, { route: route?.id ?? null, code: 'NO_ROUTE', serverName });
      return;
    }
    const stream = new TcpStream(client, route, upstream, snapshot, this.#host);
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

function noteRoute(record: StreamRecord, route: PlannedStreamRoute | null, serverName: string | null): void {
  record.route = route;
  record.serverName = serverName;
}

function ignore(): void {}
