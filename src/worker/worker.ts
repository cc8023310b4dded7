import { CidrSet } from '../core/cidr.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { TimerWheel } from '../core/timer-wheel.ts';
import { Departures } from '../l4/departures.ts';
import type { DataPlane, Listener } from '../l4/listener.ts';
import { SourceCounts } from '../l4/source-counts.ts';
import { TcpListener } from '../l4/tcp-listener.ts';
import { UdpListener } from '../l4/udp-listener.ts';
import { explain } from '../l7/explain.ts';
import { HttpListener } from '../l7/http-listener.ts';
import type { HttpSettings } from '../l7/settings.ts';
import { JsonAccessLog } from '../telemetry/access-log.ts';
import { CounterBlock, CounterSums } from '../telemetry/counter-table.ts';
import { BreakerCells } from '../upstream/breaker-cells.ts';
import type { ExplainQuestion, Explanation } from '../upstream/explanation.ts';
import { Health, NodeTable } from '../upstream/node-table.ts';
import { NodeDirectory } from './node-directory.ts';
import type { FromWorker, ToWorker, WorkerSeed } from './protocol.ts';
import { SnapshotStore } from './snapshot-store.ts';

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
  readonly #table: NodeTable;
  readonly #plane: DataPlane;
  readonly #httpSettings: HttpSettings;
  readonly #directory: NodeDirectory;
  readonly #snapshots: SnapshotStore;
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
    const table = new NodeTable(seed.nodes, seed.index);
    this.#table = table;
    this.#directory = new NodeDirectory({
      table,
      counters: new CounterBlock(seed.counters.nodes, seed.index),
      alarm: (slot, alarm) => ports.send({ type: 'alarm', slot, alarm }),
    });
    this.#snapshots = new SnapshotStore(
      this.#directory,
      table,
      ports.random,
      new BreakerCells(seed.breakers.upstreams),
    );
    const { http, stream } = seed.settings;
    const plane: DataPlane = {
      clock: ports.clock,
      wheel: this.#wheel,
      log: ports.log,
      snapshots: this.#snapshots,
      table,
      routeCounters: new CounterBlock(seed.counters.routes, seed.index),
      listenerCounters: new CounterBlock(seed.counters.listeners, seed.index),
      listenerSums: new CounterSums(seed.counters.listeners),
      sources: seed.sources && new SourceCounts(seed.sources, seed.index),
      departures: new Departures(this.#wheel, this.#snapshots, ({ slot }) => table.health(slot) === Health.unhealthy),
      routeBreakers: new BreakerCells(seed.breakers.routes),
      streamLog: accessLog,
    };
    this.#plane = plane;
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
    this.#snapshots.apply(seed.plan);
  }

  /** Binds every listener. Rejects with what to do about the first that can't be bound. */
  async start(): Promise<void> {
    for (const listener of this.#listeners) await listener.start();
    this.#ports.send({ type: 'listening' });
    this.#ports.send({ type: 'applied', version: this.#snapshots.current.version });
    this.#pulse(this.#ports.clock.now() + PULSE_MS);
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'patch':
        this.#snapshots.apply(message.patch);
        this.#ports.send({ type: 'applied', version: message.patch.version });
        return;
      case 'close':
        void this.close(message.deadline);
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
      table: this.#table,
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
    if (!this.#directory.hasLeaving) return;
    for (const [version, slots] of this.#directory.releaseUnused(this.#snapshots.oldestInUse)) {
      this.#ports.send({ type: 'released', version, slots });
    }
  }
}
