import type { Balancer, NodeHandle } from '../../src/balancers/types.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { Departures } from '../../src/l4/departures.ts';
import { type DataPlane, type ListenerOptions, type ListenerPlan, PLAIN_LISTENER } from '../../src/l4/listener.ts';
import { allocateSourceCounts, SourceCounts } from '../../src/l4/source-counts.ts';
import { TcpListener } from '../../src/l4/tcp-listener.ts';
import { CounterBlock, CounterSums } from '../../src/telemetry/counter-table.ts';
import { allocateAllCounters } from '../../src/telemetry/counters.ts';
import type { StreamEntry } from '../../src/telemetry/stream-entry.ts';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';
import { TableHandle } from '../../src/upstream/handle.ts';
import { allocateNodeTable, Health, NODE_CAPACITY, NodeTable } from '../../src/upstream/node-table.ts';
import type {
  PlannedCertificate,
  PlannedStreaming,
  PlannedStreamRoute,
  PlannedUpstream,
} from '../../src/upstream/plan.ts';
import { Snapshot, type SnapshotSource } from '../../src/upstream/snapshot.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { plainUpstream, plannedNode } from './planned.ts';

export const ROUTE_SLOT = 3;
export const LISTENER_SLOT = 2;

export interface TcpPlaneOptions {
  /** Ports on 127.0.0.1, in the order in which they are picked. */
  readonly ports: readonly number[];
  /** Port of the listener; 0 takes a free one. */
  readonly port?: number;
  readonly clock?: Clock;
  readonly retries?: number | null;
  readonly retryTimeout?: number;
  readonly connectTimeout?: number;
  readonly idleTimeoutMs?: number;
  readonly finTimeoutMs?: number;
  readonly maxConnections?: number;
  readonly streamRoutes?: readonly PlannedStreamRoute[];
  readonly lifetimeMs?: number;
  /** What each node may have under way at once. */
  readonly nodeLimit?: number;
  readonly listener?: Partial<ListenerOptions>;
  readonly logged?: boolean;
  readonly stream?: Partial<PlannedStreaming>;
  readonly certificates?: readonly PlannedCertificate[];
}

export const PLAIN_STREAM: PlannedStreaming = {
  proxyProtocol: 0,
  tls: null,
  closeAfter: null,
};

/** The first node that was not tried yet: a test knows which one comes. */
const inOrder: Balancer = {
  type: 'in-order',
  build: (ready: readonly NodeHandle[]) => ({
    pick: (context) => ready.find((handle) => !context.tried.includes(handle)) ?? null,
  }),
};

class FixedSnapshots implements SnapshotSource {
  current: Snapshot;
  readonly #listeners: ((snapshot: Snapshot) => void)[] = [];

  constructor(first: Snapshot) {
    this.current = first;
  }

  release(snapshot: Snapshot): void {
    snapshot.users -= 1;
  }

  onReplaced(listener: (snapshot: Snapshot) => void): void {
    this.#listeners.push(listener);
  }

  replace(next: Snapshot): void {
    this.current = next;
    for (const listener of this.#listeners) listener(next);
  }
}

export interface LoggedEvent {
  readonly event: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A worker's data path with one upstream and one TCP listener, in this thread. */
export class TcpPlane {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly table: NodeTable;
  readonly snapshots: FixedSnapshots;
  readonly dataPlane: DataPlane;
  readonly listener: TcpListener;
  readonly routeSums: CounterSums;
  readonly nodeSums: CounterSums;
  readonly listenerSums: CounterSums;
  readonly events: LoggedEvent[] = [];
  /** Of the access log, when `logged`. */
  readonly entries: StreamEntry[] = [];
  port = 0;

  constructor(options: TcpPlaneOptions) {
    const clock = options.clock ?? systemClock;
    this.clock = clock;
    this.wheel = new TimerWheel(clock);
    this.table = new NodeTable(allocateNodeTable(1, clock.now()), 0);
    const counters = allocateAllCounters(1, NODE_CAPACITY);
    this.routeSums = new CounterSums(counters.routes);
    this.nodeSums = new CounterSums(counters.nodes);
    this.listenerSums = new CounterSums(counters.listeners);
    const upstream = this.#upstream(options, new CounterBlock(counters.nodes, 0));
    const routes = options.streamRoutes ?? [streamRoute({})];
    this.snapshots = new FixedSnapshots(new Snapshot(1, [], routes, new Map([['u', upstream]]), options.certificates));
    this.dataPlane = {
      clock,
      wheel: this.wheel,
      log: this.#log(),
      snapshots: this.snapshots,
      table: this.table,
      routeCounters: new CounterBlock(counters.routes, 0),
      listenerCounters: new CounterBlock(counters.listeners, 0),
      listenerSums: this.listenerSums,
      sources: new SourceCounts(allocateSourceCounts(1, 1), 0),
      exchange: null,
      departures: new Departures(
        this.wheel,
        this.snapshots,
        ({ slot }) => this.table.health(slot) === Health.unhealthy,
      ),
      routeBreakers: new BreakerCells(allocateBreakers(1024)),
      streamLog: options.logged ? { recordStream: (entry) => void this.entries.push(entry) } : null,
    };
    this.listener = new TcpListener(
      listenerPlan(options.maxConnections ?? 10_000, options.port, options.listener),
      this.dataPlane,
      {
        idleTimeoutMs: options.idleTimeoutMs ?? 0,
        finTimeoutMs: options.finTimeoutMs ?? 0,
        lifetimeMs: options.lifetimeMs ?? 0,
      },
    );
  }

  async start(): Promise<this> {
    this.port = (await this.listener.start()).port;
    return this;
  }

  /** Uses of all nodes under way. */
  get inflight(): number {
    const handles = this.snapshots.current.upstreams.get('u')?.handles ?? [];
    return handles.reduce((sum, handle) => sum + handle.inflight(), 0);
  }

  route(field: number): number {
    return this.routeSums.sum(ROUTE_SLOT, field);
  }

  node(slot: number, field: number): number {
    return this.nodeSums.sum(slot, field);
  }

  count(field: number): number {
    return this.listenerSums.sum(LISTENER_SLOT, field);
  }

  /** Cuts what is left at once. */
  async close(): Promise<void> {
    await this.listener.close(0);
    this.wheel.close();
  }

  #upstream(options: TcpPlaneOptions, nodeCounters: CounterBlock): Upstream {
    const nodes = options.ports.map((port, slot) => plannedNode(slot, { port }));
    const plan: PlannedUpstream = {
      id: 'u',
      slot: 0,
      ...plainUpstream,
      nodes,
      timeouts: { connect: options.connectTimeout ?? 5000, send: 0, read: 0 },
      retries: options.retries ?? null,
      retryTimeout: options.retryTimeout ?? 0,
      limited: options.nodeLimit !== undefined,
      ...(options.stream ? { stream: { ...PLAIN_STREAM, ...options.stream } } : {}),
    };
    for (const { slot } of nodes) this.table.setLimit(slot, options.nodeLimit ?? 0);
    const ports = { table: this.table, counters: nodeCounters, alarm: () => {} };
    const handles = nodes.map((planned) => new TableHandle(planned, plan, ports));
    return new Upstream(plan, handles, null, {
      ...{ balancer: inOrder, table: this.table, random: seededRandom(1) },
      breakers: new BreakerCells(allocateBreakers(8)),
    });
  }

  #log(): Log {
    const record = (event: string, message: string, fields: Record<string, unknown> = {}) => {
      this.events.push({ event, message, fields });
    };
    return { debug: record, info: record, warn: record, error: record };
  }
}

export function listenerPlan(maxConnections: number, port = 0, options: Partial<ListenerOptions> = {}): ListenerPlan {
  return {
    name: `127.0.0.1:${port}`,
    address: { host: '127.0.0.1', port },
    slot: LISTENER_SLOT,
    reusePort: false,
    maxConnections,
    options: { ...PLAIN_LISTENER, ...options },
  };
}

export function streamRoute(fields: Partial<PlannedStreamRoute>): PlannedStreamRoute {
  return {
    id: 'r',
    slot: ROUTE_SLOT,
    protocol: null,
    serverAddr: null,
    serverPort: null,
    remoteAddrs: [],
    snis: [],
    upstreamId: 'u',
    idleTimeout: null,
    maxLifetime: null,
    subset: null,
    ...fields,
  };
}
