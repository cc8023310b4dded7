import type { Address } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { TimerWheel } from '../core/timer-wheel.ts';
import type { CounterBlock } from '../telemetry/counter-table.ts';
import type { BreakerCells } from '../upstream/breaker-cells.ts';
import type { NodeTable } from '../upstream/node-table.ts';
import type { SnapshotSource } from '../upstream/snapshot.ts';

/** What every listener of a worker shares. */
export interface DataPlane {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly snapshots: SnapshotSource;
  readonly table: NodeTable;
  readonly routeCounters: CounterBlock;
  readonly listenerCounters: CounterBlock;
  readonly routeBreakers: BreakerCells;
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
  /** Connections held at once; what comes above is closed and counted as refused. */
  readonly maxConnections: number;
}

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
}
