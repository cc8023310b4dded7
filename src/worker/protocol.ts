import type { ListenerPlan } from '../l4/listener.ts';
import type { OwnerMemory } from '../l4/session-owners.ts';
import type { SourceMemory } from '../l4/source-counts.ts';
import type { WorkerLink } from '../l4/udp-exchange.ts';
import type { UdpListenerPlan } from '../l4/udp-plan.ts';
import type { CountersMemory } from '../telemetry/counters.ts';
import type { ForwardedEvent } from '../telemetry/forwarded-log.ts';
import type { ExplainQuestion, Explanation } from '../upstream/explanation.ts';
import type { NodeAlarm } from '../upstream/handle.ts';
import type { NodeTableMemory } from '../upstream/node-table.ts';
import type { PlanPatch } from '../upstream/plan.ts';

/** Settings of the data path that hold for the life of a worker. Times in milliseconds. */
export interface DataPathSettings {
  readonly http: {
    readonly headTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly maxHeadBytes: number;
    readonly maxFields: number;
    /** CIDR ranges of clients whose forwarding fields are believed. */
    readonly trusted: readonly string[];
  };
  readonly stream: { readonly idleTimeoutMs: number; readonly finTimeoutMs: number; readonly lifetimeMs: number };
  /** `off`, `stdout`, or the path of a file. */
  readonly accessLog: string;
}

/** Circuit breakers, one a row: those of upstreams by the slot of the upstream, those of routes by that of the route. */
interface BreakerMemory {
  readonly upstreams: SharedArrayBuffer;
  readonly routes: SharedArrayBuffer;
}

/** What all workers and the control thread write to and read. */
export interface SharedMemory {
  readonly nodes: NodeTableMemory;
  readonly counters: CountersMemory;
  readonly breakers: BreakerMemory;
}

/** What a worker is born with. */
export interface WorkerSeed {
  readonly index: number;
  readonly memory: SharedMemory;
  /** Connections by source; null when no listener limits them. */
  readonly sources: SourceMemory | null;
  /** Which worker has which UDP session; null where there is one worker, or no UDP. */
  readonly owners: OwnerMemory | null;
  readonly httpListeners: readonly ListenerPlan[];
  readonly tcpListeners: readonly ListenerPlan[];
  readonly udpListeners: readonly UdpListenerPlan[];
  readonly settings: DataPathSettings;
  /** The whole plan, as a patch to nothing. */
  readonly plan: PlanPatch;
  /** The workers that were there before it. */
  readonly links: readonly WorkerLink[];
}

export type ToWorker =
  | { readonly type: 'patch'; readonly patch: PlanPatch }
  /** Stop accepting, finish what is under way, cut what is left at `deadline` (monotonic milliseconds), and end. Sent again, it moves the deadline. */
  | { readonly type: 'close'; readonly deadline: number }
  | { readonly type: 'reopen-logs' }
  /** Another worker has come. */
  | { readonly type: 'link'; readonly link: WorkerLink }
  | { readonly type: 'explain'; readonly id: number; readonly question: ExplainQuestion };

export type FromWorker =
  | { readonly type: 'listening' }
  /** A listener could not start; the worker ends. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'applied'; readonly version: number }
  /** Slots that left with plan `version` and that this worker will not touch any more. */
  | { readonly type: 'released'; readonly version: number; readonly slots: readonly number[] }
  /** The worker has closed everything. `cut`: connections that were not done by the deadline. */
  | { readonly type: 'closed'; readonly cut: number }
  | { readonly type: 'explained'; readonly id: number; readonly explanation: Explanation }
  | { readonly type: 'alarm'; readonly slot: number; readonly alarm: NodeAlarm }
  | { readonly type: 'log'; readonly entry: ForwardedEvent }
  | { readonly type: 'pulse'; readonly lagMs: number; readonly accessLogDropped: number };
