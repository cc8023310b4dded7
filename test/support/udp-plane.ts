import type { Balancer, NodeHandle, PickContext } from '../../src/balancers/types.ts';
import type { Address } from '../../src/core/address.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { TimerWheel } from '../../src/core/timer-wheel.ts';
import type { DataPlane } from '../../src/l4/listener.ts';
import { UdpListener } from '../../src/l4/udp-listener.ts';
import type { UdpListenerPlan } from '../../src/l4/udp-plan.ts';
import { CounterBlock, CounterSums } from '../../src/telemetry/counter-table.ts';
import { allocateAllCounters, NodeField } from '../../src/telemetry/counters.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';
import type { PlannedStreamRoute, PlannedUpstream } from '../../src/upstream/plan.ts';
import { NodeDirectory } from '../../src/worker/node-directory.ts';
import { SnapshotStore } from '../../src/worker/snapshot-store.ts';
import { plannedNode } from './plane.ts';
import { RecordingLog } from './recording-log.ts';

export const UDP_SLOT = 2;
export const UDP_ROUTE_SLOT = 3;

export interface UdpPlaneOptions {
  /** Nodes in the order in which they are picked; a port is one on 127.0.0.1. */
  readonly nodes: readonly (number | Address)[];
  readonly plan?: Partial<UdpListenerPlan>;
  readonly upstream?: Partial<PlannedUpstream>;
  readonly routes?: readonly PlannedStreamRoute[];
  readonly clock?: Clock;
  readonly addresses?: (wildcard: string) => readonly string[];
}

/** A worker's data path with a UDP listener, in this thread. Its balancer takes the first node that was not tried yet. */
export class UdpPlane {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly table: NodeTable;
  readonly snapshots: SnapshotStore;
  readonly listener: UdpListener;
  readonly log = new RecordingLog();
  /** Hash of each pick. */
  readonly hashes: number[] = [];
  port = 0;
  readonly #options: UdpPlaneOptions;
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
    const counters = allocateAllCounters(1, 64);
    this.#routeSums = new CounterSums(counters.routes);
    this.#nodeSums = new CounterSums(counters.nodes);
    this.#listenerSums = new CounterSums(counters.listeners);
    const directory = new NodeDirectory(this.table, new CounterBlock(counters.nodes, 0));
    const balancers = new Map(['in-order', 'chash'].map((type) => [type, this.#inOrder(type)]));
    this.snapshots = new SnapshotStore(directory, this.table, balancers, clock);
    const plane: DataPlane = {
      clock,
      wheel: this.wheel,
      log: this.log,
      snapshots: this.snapshots,
      table: this.table,
      routeCounters: new CounterBlock(counters.routes, 0),
      listenerCounters: new CounterBlock(counters.listeners, 0),
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
    readonly upstreams?: Readonly<Record<string, readonly (number | Address)[]>>;
    readonly removed?: readonly string[];
    readonly routes?: readonly PlannedStreamRoute[];
  }): void {
    this.#version += 1;
    const upstreams = Object.entries(change.upstreams ?? {}).map(([id, nodes]) => this.#upstream(id, nodes));
    this.snapshots.apply({
      version: this.#version,
      upstreams,
      removedUpstreams: change.removed ?? [],
      routes: null,
      streamRoutes: change.routes ?? null,
    });
    for (const { slot } of upstreams) this.table.bump(slot);
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

  #upstream(id: string, nodes: readonly (number | Address)[]): PlannedUpstream {
    return {
      id,
      slot: id.charCodeAt(0),
      type: 'in-order',
      nodes: nodes.map((node) => {
        const address = typeof node === 'number' ? { host: '127.0.0.1', port: node } : node;
        return { slot: this.#slot(id, address), node: plannedNode(address) };
      }),
      timeouts: { connect: 5000, send: 0, read: 0 },
      retries: null,
      retryTimeout: 0,
      passHost: 'pass',
      upstreamHost: null,
      keepalive: { size: 0, idleTimeout: 0, requests: 0 },
      ...this.#options.upstream,
    };
  }

  #slot(id: string, { host, port }: Address): number {
    const key = `${id} ${host}:${port}`;
    const slot = this.#slots.get(key) ?? this.#slots.size + 1;
    this.#slots.set(key, slot);
    return slot;
  }

  #inOrder(type: string): Balancer {
    const note = ({ hash }: PickContext) => void this.hashes.push(hash);
    return {
      type,
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
    idleTimeoutMs: 30_000,
    responses: null,
    maxSessions: 10_000,
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
    upstreamId: 'u',
    ...fields,
  };
}
