import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Address } from '../../src/core/address.ts';
import { CidrSet } from '../../src/core/cidr.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { Departures } from '../../src/l4/departures.ts';
import { type DataPlane, type ListenerPlan, PLAIN_LISTENER } from '../../src/l4/listener.ts';
import { HttpListener } from '../../src/l7/http-listener.ts';
import type { HttpSettings } from '../../src/l7/settings.ts';
import type { AccessEntry } from '../../src/telemetry/access-log.ts';
import { CounterBlock, CounterSums } from '../../src/telemetry/counter-table.ts';
import { allocateAllCounters, type CountersMemory, statusField } from '../../src/telemetry/counters.ts';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';
import type { NodeAlarm } from '../../src/upstream/handle.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';
import type { PlannedRoute, PlannedUpstream } from '../../src/upstream/plan.ts';
import { NodeDirectory } from '../../src/worker/node-directory.ts';
import { SnapshotStore } from '../../src/worker/snapshot-store.ts';
import { type BackendHandler, HttpBackend, plainBackend } from './http-backend.ts';
import { plainRoute, plainUpstream, plannedNode } from './planned.ts';
import { RawClient } from './raw-client.ts';

export type UpstreamOptions = Partial<Omit<PlannedUpstream, 'id' | 'slot' | 'nodes'>>;

export interface PlaneOptions {
  readonly nodes?: readonly Address[];
  readonly upstream?: UpstreamOptions;
  readonly route?: Partial<PlannedRoute>;
  readonly settings?: Partial<HttpSettings>;
  readonly listener?: Partial<ListenerPlan>;
  readonly clock?: Clock;
  /** Milliseconds of one tick of the timer wheel. */
  readonly tickMs?: number;
}

const WIDE = { connect: 10_000, send: 10_000, read: 10_000 };

/** An HTTP listener in this thread, with the parts that a worker gives it and one route to one upstream. */
export class TestPlane {
  readonly table: NodeTable;
  readonly snapshots: SnapshotStore;
  readonly counters: CountersMemory;
  readonly upstreamBreakers: BreakerCells;
  readonly routeBreakers: BreakerCells;
  readonly listener: HttpListener;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly entries: AccessEntry[] = [];
  readonly errors: string[] = [];
  /** What the worker would have told the control thread. */
  readonly alarms: { slot: number; alarm: NodeAlarm }[] = [];
  /** What the test means to be in `errors` at its end. */
  expectedErrors: string[] = [];
  #version = 0;
  readonly #slots = new Map<string, number>();
  readonly #options: PlaneOptions;

  constructor(options: PlaneOptions = {}) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    const memory = allocateNodeTable(1, this.clock.now());
    this.table = new NodeTable(memory, 0);
    this.counters = allocateAllCounters(1, 1024);
    const directory = new NodeDirectory({
      table: this.table,
      counters: new CounterBlock(this.counters.nodes, 0),
      alarm: (slot, alarm) => void this.alarms.push({ slot, alarm }),
    });
    this.upstreamBreakers = new BreakerCells(allocateBreakers(8));
    this.routeBreakers = new BreakerCells(allocateBreakers(1024));
    this.snapshots = new SnapshotStore(directory, this.table, seededRandom(1), this.upstreamBreakers);
    this.wheel = new TimerWheel(this.clock, options.tickMs ?? 20);
    const plane: DataPlane = {
      clock: this.clock,
      wheel: this.wheel,
      log: this.#log(),
      snapshots: this.snapshots,
      table: this.table,
      routeCounters: new CounterBlock(this.counters.routes, 0),
      listenerCounters: new CounterBlock(this.counters.listeners, 0),
      listenerSums: new CounterSums(this.counters.listeners),
      sources: null,
      exchange: null,
      departures: new Departures(this.wheel, this.snapshots, () => false),
      routeBreakers: this.routeBreakers,
      streamLog: null,
    };
    this.listener = new HttpListener(listenerPlan(options.listener), plane, httpSettings(options.settings), {
      record: (entry) => void this.entries.push(entry),
    });
    this.setNodes(options.nodes ?? []);
  }

  /** Starts to listen; returns the port. */
  async start(): Promise<number> {
    return (await this.listener.start()).port;
  }

  /** Replaces the snapshot by one with these nodes. */
  setNodes(nodes: readonly Address[], upstream: UpstreamOptions = this.#options.upstream ?? {}): void {
    this.#version += 1;
    this.snapshots.apply({
      version: this.#version,
      upstreams: [this.#upstream(nodes, upstream)],
      nodeChanges: [],
      removedUpstreams: [],
      routes: this.#version === 1 ? [plannedRoute(this.#options.route)] : null,
      streamRoutes: null,
    });
  }

  setRoutes(routes: readonly Partial<PlannedRoute>[]): void {
    this.#version += 1;
    const planned = routes.map((route, index) => plannedRoute({ slot: index + 1, ...route }));
    this.snapshots.apply({
      version: this.#version,
      upstreams: [],
      nodeChanges: [],
      removedUpstreams: [],
      routes: planned,
      streamRoutes: null,
    });
  }

  /** Uses under way, over all nodes. */
  get inflight(): number {
    let total = 0;
    for (const slot of this.#slots.values()) total += this.table.inflight(slot);
    return total;
  }

  slotOf(address: Address): number {
    return this.#slots.get(`${address.host}:${address.port}`) ?? -1;
  }

  nodeCount(address: Address, field: number): number {
    return new CounterSums(this.counters.nodes).sum(this.slotOf(address), field);
  }

  /** Of the first route; `row` names another, or `NO_ROUTE`. */
  routeCount(field: number, row = 1): number {
    return new CounterSums(this.counters.routes).sum(row, field);
  }

  statusCount(status: number, row = 1): number {
    return this.routeCount(statusField(status), row);
  }

  listenerCount(field: number): number {
    return new CounterSums(this.counters.listeners).sum(0, field);
  }

  /** Users of the snapshot in force. */
  get users(): number {
    return this.snapshots.current.users;
  }

  async close(): Promise<void> {
    await this.listener.close(this.clock.now());
    this.wheel.close();
  }

  #upstream(nodes: readonly Address[], upstream: UpstreamOptions): PlannedUpstream {
    return {
      id: 'test',
      slot: 0,
      ...plainUpstream,
      nodes: nodes.map((address) => plannedNode(this.#slot(address), address)),
      timeouts: WIDE,
      keepalive: { size: 64, idleTimeout: 60_000, requests: 1000 },
      ...upstream,
    };
  }

  #slot(address: Address): number {
    const key = `${address.host}:${address.port}`;
    const known = this.#slots.get(key) ?? this.#slots.size;
    this.#slots.set(key, known);
    return known;
  }

  #log(): Log {
    const record = (event: string, message: string): void => void this.errors.push(`${event}: ${message}`);
    return { debug() {}, info() {}, warn: record, error: record };
  }
}

function listenerPlan(plan: Partial<ListenerPlan> = {}): ListenerPlan {
  const address = { host: '127.0.0.1', port: 0 };
  return {
    name: '127.0.0.1:0',
    address,
    slot: 0,
    reusePort: false,
    maxConnections: 10_000,
    options: PLAIN_LISTENER,
    ...plan,
  };
}

function httpSettings(settings: Partial<HttpSettings> = {}): HttpSettings {
  return {
    headTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
    limits: { maxBytes: 16 * 1024, maxFields: 100 },
    trusted: new CidrSet([]),
    ...settings,
  };
}

function plannedRoute(route: Partial<PlannedRoute> = {}): PlannedRoute {
  return {
    ...plainRoute('r1', 'test'),
    slot: 1,
    uris: ['/*'],
    websocket: false,
    ...route,
  };
}

/** A proxy in front of backends with these handlers, all closed when the test ends. */
export async function startProxy(
  t: TestContext,
  handlers: readonly BackendHandler[] = [plainBackend],
  options: PlaneOptions = {},
): Promise<Fixture> {
  const backends = await Promise.all(handlers.map((handler) => HttpBackend.start(handler)));
  const plane = new TestPlane({ nodes: backends.map((backend) => backend.address), ...options });
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await plane.close();
    for (const backend of backends) await backend.close();
    assert.deepEqual(plane.errors, plane.expectedErrors);
    assert.equal(plane.inflight, 0, 'every use of a node is counted out');
    assert.equal(plane.users, 0, 'every snapshot is released');
  });
  const port = await plane.start();
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    clients.push(client);
    return client;
  };
  return { plane, port, backends, backend: backends[0]!, connect, client: await connect() };
}

export interface Fixture {
  readonly plane: TestPlane;
  readonly port: number;
  readonly backends: readonly HttpBackend[];
  readonly backend: HttpBackend;
  readonly client: RawClient;
  connect(): Promise<RawClient>;
}

/** Lets I/O happen until `condition` holds; the test's own time limit ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Lets I/O that is possible happen: that many milliseconds' worth of turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Writes so many bytes at once, and waits until no more of them are taken. */
export async function writeUntilStuck(socket: Socket, bytes: number): Promise<void> {
  const taken = () => socket.bytesWritten - socket.writableLength;
  socket.write(Buffer.alloc(bytes));
  for (let before = -1; before !== taken(); await turns(30)) before = taken();
}
