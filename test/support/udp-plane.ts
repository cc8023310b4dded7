import type { Balancer, NodeHandle, PickContext } from '../../src/balancers/types.ts';
import type { Address } from '../../src/core/address.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import { Departures } from '../../src/l4/departures.ts';
import { type DataPlane, PLAIN_LISTENER } from '../../src/l4/listener.ts';
import { allocateSourceCounts, SourceCounts, type SourceMemory } from '../../src/l4/source-counts.ts';
import type { UdpExchange } from '../../src/l4/udp-exchange.ts';
import { UdpListener } from '../../src/l4/udp-listener.ts';
import type { UdpListenerPlan } from '../../src/l4/udp-plan.ts';
import { CounterBlock, CounterSums } from '../../src/telemetry/counter-table.ts';
import { allocateAllCounters, type CountersMemory, NodeField } from '../../src/telemetry/counters.ts';
import type { StreamEntry } from '../../src/telemetry/stream-entry.ts';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';
import type { NodeOverride, PlannedStreamRoute, PlannedUpstream } from '../../src/upstream/plan.ts';
import { Snapshot, type SnapshotSource } from '../../src/upstream/snapshot.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { NodeDirectory } from '../../src/worker/node-directory.ts';
import { plainUpstream, plannedNode } from './planned.ts';
import { RecordingLog } from './recording-log.ts';

export const UDP_SLOT = 2;
export const UDP_ROUTE_SLOT = 3;

/** A port on 127.0.0.1, or an address, with what an operator says of it. */
export type NodeSpec = number | (Address & { readonly override?: NodeOverride });

/** What workers have in common. */
export interface SharedSeats {
  readonly counters: CountersMemory;
  readonly sources: SourceMemory;
}

export function sharedSeats(workers: number): SharedSeats {
  return { counters: allocateAllCounters(workers, 64), sources: allocateSourceCounts(workers, 1) };
}

export interface UdpPlaneOptions {
  /** Which worker it is, and of which; the only one by default. */
  readonly seat?: { readonly index: number; readonly shared: SharedSeats };
  /** Nodes in the order in which they are picked; a port is one on 127.0.0.1. */
  readonly nodes: readonly NodeSpec[];
  readonly exchange?: UdpExchange;
  readonly plan?: Partial<UdpListenerPlan>;
  readonly upstream?: Partial<PlannedUpstream>;
  readonly routes?: readonly PlannedStreamRoute[];
  readonly clock?: Clock;
  readonly logged?: boolean;
  readonly addresses?: (wildcard: string) => readonly string[];
}

class TestSnapshots implements SnapshotSource {
  current = new Snapshot(0, [], [], new Map());
  readonly #listeners: ((snapshot: Snapshot) => void)[] = [];

  release(): void {}

  onReplaced(listener: (snapshot: Snapshot) => void): void {
    this.#listeners.push(listener);
  }

  replace(next: Snapshot): void {
    this.current = next;
    for (const listener of this.#listeners) listener(next);
  }
}

/** A worker's data path with a UDP listener, in this thread. Its balancer takes the first node that was not tried yet. */
export class UdpPlane {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly table: NodeTable;
  readonly snapshots = new TestSnapshots();
  readonly breakers = new BreakerCells(allocateBreakers(256));
  readonly listener: UdpListener;
  readonly log = new RecordingLog();
  /** Of the access log, when `logged`. */
  readonly entries: StreamEntry[] = [];
  /** Hash of each pick. */
  readonly hashes: number[] = [];
  port = 0;
  readonly #options: UdpPlaneOptions;
  readonly #directory: NodeDirectory;
  readonly #routeSums: CounterSums;
  readonly #nodeSums: CounterSums;
  readonly #listenerSums: CounterSums;
  readonly #slots = new Map<string, number>();
  #version = 0;

  constructor(options: UdpPlaneOptions) {
    this.#options = options;
    const clock = options.clock ?? systemClock;
    this.clock = clock;
    this.wheel = new TimerWheel(clock);
    this.table = new NodeTable(allocateNodeTable(1, clock.now()), 0);
    const { index, shared } = options.seat ?? { index: 0, shared: sharedSeats(1) };
    const { counters, sources } = shared;
    this.#routeSums = new CounterSums(counters.routes);
    this.#nodeSums = new CounterSums(counters.nodes);
    this.#listenerSums = new CounterSums(counters.listeners);
    const nodeCounters = new CounterBlock(counters.nodes, index);
    this.#directory = new NodeDirectory({ table: this.table, counters: nodeCounters, alarm: () => {} });
    const plane: DataPlane = {
      clock,
      wheel: this.wheel,
      log: this.log,
      snapshots: this.snapshots,
      table: this.table,
      routeCounters: new CounterBlock(counters.routes, index),
      listenerCounters: new CounterBlock(counters.listeners, index),
      listenerSums: this.#listenerSums,
      sources: new SourceCounts(sources, index),
      exchange: options.exchange ?? null,
      departures: new Departures(this.wheel, this.snapshots, () => false),
      routeBreakers: new BreakerCells(allocateBreakers(8)),
      streamLog: options.logged ? { recordStream: (entry) => void this.entries.push(entry) } : null,
    };
    this.listener = new UdpListener(udpListenerPlan(options.plan), plane, options.addresses);
    this.apply({ upstreams: { u: options.nodes }, routes: options.routes ?? [udpRoute({})] });
  }

  async start(): Promise<this> {
    this.port = (await this.listener.start()).port;
    return this;
  }

  /** Replaces the snapshot: `routes` when given, and these upstreams by their ids. */
  apply(change: {
    readonly upstreams?: Readonly<Record<string, readonly NodeSpec[]>>;
    readonly routes?: readonly PlannedStreamRoute[];
  }): void {
    this.#version += 1;
    const { current } = this.snapshots;
    const upstreams = new Map(current.upstreams);
    for (const [id, nodes] of Object.entries(change.upstreams ?? {})) {
      upstreams.set(id, this.#upstream(id, nodes, current.upstreams.get(id) ?? null));
    }
    this.snapshots.replace(new Snapshot(this.#version, [], change.routes ?? current.streamRoutes, upstreams));
  }

  /** Uses of all nodes under way. */
  get inflight(): number {
    let total = 0;
    for (const slot of this.#slots.values()) total += this.table.inflight(slot);
    return total;
  }

  get sessions(): number {
    return this.listener.connections;
  }

  slotOf(port: number, id = 'u'): number {
    return this.#slots.get(`${id} 127.0.0.1:${port}`) ?? -1;
  }

  route(field: number): number {
    return this.#routeSums.sum(UDP_ROUTE_SLOT, field);
  }

  count(field: number): number {
    return this.#listenerSums.sum(UDP_SLOT, field);
  }

  node(port: number, field: number): number {
    return this.#nodeSums.sum(this.slotOf(port), field);
  }

  outcome(port: number, outcome: number): number {
    return this.node(port, NodeField.outcome + outcome);
  }

  /** Cuts what is left at once. */
  async close(): Promise<void> {
    await this.listener.close(0);
    this.wheel.close();
  }

  #upstream(id: string, nodes: readonly NodeSpec[], before: Upstream | null): Upstream {
    const plan: PlannedUpstream = {
      id,
      slot: id.charCodeAt(0),
      ...plainUpstream,
      nodes: nodes.map((node) => {
        const { override, ...address }: Exclude<NodeSpec, number> =
          typeof node === 'number' ? { host: '127.0.0.1', port: node } : node;
        return { ...plannedNode(this.#slot(id, address), address), override: override ?? null };
      }),
      ...this.#options.upstream,
    };
    const handles = plan.nodes.map((planned) => this.#directory.handle(planned, plan));
    const tools = { balancer: this.#inOrder(), table: this.table, random: seededRandom(1), breakers: this.breakers };
    return new Upstream(plan, handles, before, tools);
  }

  #slot(id: string, { host, port }: Address): number {
    const key = `${id} ${host}:${port}`;
    const slot = this.#slots.get(key) ?? this.#slots.size + 1;
    this.#slots.set(key, slot);
    return slot;
  }

  #inOrder(): Balancer {
    const note = ({ hash }: PickContext) => void this.hashes.push(hash);
    return {
      type: 'in-order',
      build: (ready: readonly NodeHandle[]) => ({
        pick: (context) => {
          note(context);
          return ready.find((handle) => !context.tried.includes(handle)) ?? null;
        },
      }),
    };
  }
}

export function udpListenerPlan(plan: Partial<UdpListenerPlan> = {}): UdpListenerPlan {
  return {
    name: '127.0.0.1:0/udp',
    address: { host: '127.0.0.1', port: 0 },
    slot: UDP_SLOT,
    reusePort: false,
    maxConnections: 10_000,
    options: PLAIN_LISTENER,
    idleTimeoutMs: 30_000,
    responses: null,
    maxSessions: 10_000,
    evenShare: plan.maxSessions ?? 10_000,
    maxSessionsPerSource: 0,
    ...plan,
  };
}

export function udpRoute(fields: Partial<PlannedStreamRoute>): PlannedStreamRoute {
  return {
    id: 'r',
    slot: UDP_ROUTE_SLOT,
    protocol: null,
    serverAddr: null,
    serverPort: null,
    remoteAddrs: [],
    snis: [],
    idleTimeout: null,
    maxLifetime: null,
    upstreamId: 'u',
    subset: null,
    ...fields,
  };
}
