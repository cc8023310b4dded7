import { CidrSet } from '../core/cidr.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { TimerWheel } from '../core/timer-wheel.ts';
import { Departures } from '../l4/departures.ts';
import type { DataPlane, Listener } from '../l4/listener.ts';
import { SessionOwners } from '../l4/session-owners.ts';
import { SourceCounts } from '../l4/source-counts.ts';
import { TcpListener } from '../l4/tcp-listener.ts';
import { UdpExchange } from '../l4/udp-exchange.ts';
import { UdpListener } from '../l4/udp-listener.ts';
import { explain } from '../l7/explain.ts';
import { HttpListener } from '../l7/http-listener.ts';
import type { HttpSettings } from '../l7/settings.ts';
import { JsonAccessLog } from '../telemetry/access-log.ts';
import { CounterBlock, CounterSums } from '../telemetry/counter-table.ts';
import { BreakerCells } from '../upstream/breaker-cells.ts';
import type { ExplainQuestion, Explanation } from '../upstream/explanation.ts';
import type { NodeAlarm } from '../upstream/handle.ts';
import { Health } from '../upstream/node-table.ts';
import type { FromWorker, ToWorker, WorkerSeed } from './protocol.ts';
import { WorkerView } from './worker-view.ts';

/** How often a worker looks for slots that it can give back, and reports how late its event loop runs. */
const PULSE_MS = 500;

export interface WorkerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  send(message: FromWorker): void;
}

/** One data-plane worker: its listeners, its snapshots, and nothing that another worker could need. */
export class Worker {
  readonly #ports: WorkerPorts;
  readonly #wheel: TimerWheel;
  readonly #view: WorkerView;
  readonly #plane: DataPlane;
  readonly #httpSettings: HttpSettings;
  readonly #accessLog: JsonAccessLog | null;
  readonly #listeners: readonly Listener[];
  #closing: Promise<void> | null = null;
  #deadline = 0;

  /** Rejects with a HeadgateError when the access log can't be opened. */
  static async create(seed: WorkerSeed, ports: WorkerPorts): Promise<Worker> {
    const destination = seed.settings.accessLog;
    const { clock, log } = ports;
    const accessLog = destination === 'off' ? null : await JsonAccessLog.open({ destination, clock, log });
    return new Worker(seed, ports, accessLog);
  }

  private constructor(seed: WorkerSeed, ports: WorkerPorts, accessLog: JsonAccessLog | null) {
    this.#ports = ports;
    this.#accessLog = accessLog;
    this.#wheel = new TimerWheel(ports.clock);
    const { memory, index } = seed;
    const alarm = (slot: number, kind: NodeAlarm) => ports.send({ type: 'alarm', slot, alarm: kind });
    this.#view = new WorkerView({ index, memory, random: ports.random, alarm });
    const { table, snapshots } = this.#view;
    const { http, stream } = seed.settings;
    const plane: DataPlane = {
      clock: ports.clock,
      wheel: this.#wheel,
      log: ports.log,
      snapshots,
      table,
      routeCounters: new CounterBlock(memory.counters.routes, index),
      listenerCounters: new CounterBlock(memory.counters.listeners, index),
      listenerSums: new CounterSums(memory.counters.listeners),
      sources: seed.sources && new SourceCounts(seed.sources, index),
      exchange: seed.owners && new UdpExchange(new SessionOwners(seed.owners, index)),
      departures: new Departures(this.#wheel, snapshots, ({ slot }) => table.health(slot) === Health.unhealthy),
      routeBreakers: new BreakerCells(memory.breakers.routes),
      streamLog: accessLog,
    };
    this.#plane = plane;
    for (const link of seed.links) plane.exchange?.connect(link);
    const httpSettings = {
      headTimeoutMs: http.headTimeoutMs,
      idleTimeoutMs: http.idleTimeoutMs,
      limits: { maxBytes: http.maxHeadBytes, maxFields: http.maxFields },
      trusted: new CidrSet(http.trusted),
    };
    this.#httpSettings = httpSettings;
    this.#listeners = [
      ...seed.httpListeners.map((plan) => new HttpListener(plan, plane, httpSettings, this.#accessLog)),
      ...seed.tcpListeners.map((plan) => new TcpListener(plan, plane, stream)),
      ...seed.udpListeners.map((plan) => new UdpListener(plan, plane)),
    ];
    snapshots.apply(seed.plan);
  }

  /** Binds every listener. Rejects with what to do about the first that can't be bound. */
  async start(): Promise<void> {
    for (const listener of this.#listeners) await listener.start();
    this.#ports.send({ type: 'listening' });
    this.#ports.send({ type: 'applied', version: this.#view.snapshots.current.version });
    this.#pulse(this.#ports.clock.now() + PULSE_MS);
  }

  /** The thread ends at this moment, because of a bug. */
  abandon(): void {
    for (const listener of this.#listeners) listener.abandon();
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'patch':
        this.#view.snapshots.apply(message.patch);
        this.#ports.send({ type: 'applied', version: message.patch.version });
        return;
      case 'close':
        void this.close(message.deadline);
        return;
      case 'link':
        this.#plane.exchange?.connect(message.link);
        return;
      case 'reopen-logs':
        this.#accessLog?.reopen();
        return;
      case 'explain':
        this.#ports.send({ type: 'explained', id: message.id, explanation: this.#explain(message.question) });
        return;
    }
  }

  #explain(question: ExplainQuestion): Explanation {
    const plane = this.#plane;
    const snapshot = plane.snapshots.current;
    return explain(question, {
      snapshot,
      table: plane.table,
      settings: this.#httpSettings,
      now: plane.clock.now(),
      breakerOf: (route) => {
        if (route.breaker !== null && !plane.routeBreakers.wouldAdmit(route.slot)) return 'route';
        const upstream = snapshot.upstreams.get(route.upstreamId);
        return upstream && !upstream.wouldAdmit() ? 'upstream' : null;
      },
    });
  }

  /** Called again, it moves the deadline. */
  close(deadline: number): Promise<void> {
    this.#deadline = deadline;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const listener of this.#listeners) listener.drain();
    await this.#untilServed();
    const cut = this.#connections();
    await Promise.all(this.#listeners.map((listener) => listener.close(this.#deadline)));
    this.#plane.exchange?.close();
    this.#wheel.close();
    await this.#accessLog?.close(this.#ports.clock.now() + 1000);
    this.#ports.send({ type: 'closed', cut });
  }

  async #untilServed(): Promise<void> {
    const { clock } = this.#ports;
    while (this.#connections() > 0 && clock.now() < this.#deadline) {
      await sleep(clock, Math.min(20, Math.max(1, this.#deadline - clock.now())));
    }
  }

  #connections(): number {
    return this.#listeners.reduce((total, listener) => total + listener.connections, 0);
  }

  #pulse(expected: number): void {
    const { clock, send } = this.#ports;
    clock.after(Math.max(0, expected - clock.now()), () => {
      if (this.#closing) return;
      const lagMs = Math.max(0, clock.now() - expected);
      send({ type: 'pulse', lagMs, accessLogDropped: this.#accessLog?.dropped ?? 0 });
      this.#releaseSlots();
      this.#pulse(clock.now() + PULSE_MS);
    });
  }

  #releaseSlots(): void {
    if (!this.#view.hasLeaving) return;
    for (const [version, slots] of this.#view.releaseUnused()) {
      this.#ports.send({ type: 'released', version, slots });
    }
  }
}
