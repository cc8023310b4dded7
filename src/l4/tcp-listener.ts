import type { Socket } from 'node:net';
import type { Address } from '../core/address.ts';
import type { Timer } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { WheelTimer } from '../core/timer-wheel.ts';
import { ListenerField } from '../telemetry/counters.ts';
import { AcceptingSocket } from './accept.ts';
import type { DataPlane, Listener, ListenerPlan } from './listener.ts';
import { ReadBufferPool } from './read-buffer.ts';
import { SparseLog } from './sparse-log.ts';
import { StreamRouter } from './stream-router.ts';
import { type StreamHost, type StreamSettings, TcpStream } from './tcp-stream.ts';

/** How often the bytes of streams under way are added to the counters. */
const COUNT_MS = 10_000;

/** Accepts TCP connections and relays each to a node of the upstream that its stream route names. */
export class TcpListener implements Listener {
  readonly name: string;
  readonly #plan: ListenerPlan;
  readonly #plane: DataPlane;
  readonly #host: StreamHost;
  readonly #accepting: AcceptingSocket;
  readonly #log: SparseLog;
  readonly #streams = new Set<TcpStream>();
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
      onUnserved: (stream, error) => this.#unserved(error.message, { route: stream.route.id, code: error.code }),
      onDone: (stream) => this.#streams.delete(stream),
    };
    this.#accepting = new AcceptingSocket(plan, {
      counters: plane.listenerCounters,
      pauseOnConnect: true,
      onConnection: (client) => this.#accept(client),
      onError: (error) => this.#log.warn('listener.accept-failed', reasonOf(error), { listener: plan.name }),
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

  #cutAt(deadline: number): Timer {
    const { clock } = this.#plane;
    return clock.after(Math.max(0, deadline - clock.now()), () => {
      for (const stream of this.#streams) stream.destroy();
    });
  }

  #accept(client: Socket): void {
    client.on('error', ignore);
    const snapshot = this.#plane.snapshots.current;
    const route = this.#router.match(client);
    const upstream = route && snapshot.upstreams.get(route.upstreamId);
    if (!upstream) {
      client.resetAndDestroy();
      this.#unserved(route ? 'the upstream of the route does not exist' : 'no stream route matches the connection', {
        route: route?.id ?? null,
        code: 'NO_ROUTE',
      });
      return;
    }
    const stream = new TcpStream(client, route, upstream, snapshot, this.#host);
    if (this.#streams.size === 0) this.#plane.wheel.arm(this.#countTimer, COUNT_MS);
    this.#streams.add(stream);
    stream.start();
  }

  #unserved(message: string, fields: { route: string | null; code: string }): void {
    this.#plane.listenerCounters.add(this.#plan.slot, ListenerField.refused, 1);
    this.#log.warn('stream.unserved', message, { listener: this.name, ...fields });
  }

  #count(): void {
    for (const stream of this.#streams) stream.count();
    if (this.#streams.size > 0) this.#plane.wheel.arm(this.#countTimer, COUNT_MS);
  }
}

function ignore(): void {}
