import type { Address } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { TimerWheel } from '../core/timer-wheel.ts';
import type { StreamAccessLog } from '../telemetry/access-log.ts';
import type { CounterBlock, CounterSums } from '../telemetry/counter-table.ts';
import type { BreakerCells } from '../upstream/breaker-cells.ts';
import type { NodeTable } from '../upstream/node-table.ts';
import type { SnapshotSource } from '../upstream/snapshot.ts';
import type { Departures } from './departures.ts';
import type { SourceCounts } from './source-counts.ts';
import type { UdpExchange } from './udp-exchange.ts';

/** What every listener of a worker shares. */
export interface DataPlane {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly snapshots: SnapshotSource;
  readonly table: NodeTable;
  readonly routeCounters: CounterBlock;
  readonly listenerCounters: CounterBlock;
  /** The same counters summed over all workers. */
  readonly listenerSums: CounterSums;
  /** Null when no listener limits its sources. */
  readonly sources: SourceCounts | null;
  /** Null when no other worker could have a session. */
  readonly exchange: UdpExchange | null;
  readonly departures: Departures;
  readonly routeBreakers: BreakerCells;
  /** Null when streams are not logged. */
  readonly streamLog: StreamAccessLog | null;
}

/** Where a listener accepts, and its place in the counters. */
export interface ListenerPlan {
  /** The configured address, such as `0.0.0.0:9080`: the value of the metrics' `listener` label. */
  readonly name: string;
  readonly address: Address;
  /** Row of the listener's counters. */
  readonly slot: number;
  /** False where the system has no SO_REUSEPORT; there is one worker then. */
  readonly reusePort: boolean;
  /** Connections that one worker holds at once; what comes above is closed and counted as refused. */
  readonly maxConnections: number;
  readonly options: ListenerOptions;
}

/** What the configuration says of a listener besides its address. */
export interface ListenerOptions {
  /** Connections over all workers, and those of one source address; 0 for no bound. */
  readonly connectionLimit: number;
  readonly sourceLimit: number;
  /** CIDR ranges of the proxies that may connect, each with a PROXY header; null when clients connect themselves. */
  readonly proxies: readonly string[] | null;
  /** Null when connections are taken as they are. */
  readonly tls: ListenerTls | null;
}

export interface ListenerTls {
  /** Id of the certificate for names that no other one is for, and for clients that name none; null for none. */
  readonly certificate: string | null;
}

/** A listener of which nothing else is said. */
export const PLAIN_LISTENER: ListenerOptions = { connectionLimit: 0, sourceLimit: 0, proxies: null, tls: null };

/** An accepting socket of one worker, and the connections that came in through it. */
export interface Listener extends Closable {
  readonly name: string;
  /** Client connections open now. */
  readonly connections: number;
  /** Resolves with the bound address. Rejects with a HeadgateError that names the address when it can't be bound. */
  start(): Promise<Address>;
  /** Stops accepting and lets what is under way come to its end; idle connections are closed. Idempotent. */
  drain(): void;
  /** `drain`, waits for the connections until `deadline`, then cuts what is left. */
  close(deadline: number): Promise<void>;
  /** The thread ends at this moment: breaks what is open, so that nothing looks finished that is not. */
  abandon(): void;
}
