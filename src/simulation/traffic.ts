import { hashText } from '../balancers/hash.ts';
import { type NodeHandle, Outcome } from '../balancers/types.ts';
import { type Random, seededRandom } from '../core/random.ts';
import { decideRetry, type FailureKind } from '../l7/retry.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { Snapshot } from '../upstream/snapshot.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { SnapshotStore } from '../worker/snapshot-store.ts';
import type { Fleet } from './fleet.ts';
import { drawPause } from './latency.ts';
import type { Failure, Recorder } from './recorder.ts';
import type { Scenario } from './scenario.ts';
import type { Served } from './simulated-node.ts';
import { UPSTREAM_ID } from './variants.ts';
import type { VirtualClock } from './virtual-clock.ts';

const TIMEOUT_MS = 1000;
/** What a node answers that fails. */
const ERROR_STATUS = 500;
const KEYS = 1000;

export interface TrafficParts {
  readonly clock: VirtualClock;
  readonly fleet: Fleet;
  readonly record: Recorder;
  /** The workers' snapshots. */
  readonly workers: readonly SnapshotStore[];
  readonly seed: number;
}

interface Request {
  readonly startedAt: number;
  readonly hash: number;
  readonly method: 'GET' | 'POST';
  readonly store: SnapshotStore;
  readonly snapshot: Snapshot;
  readonly upstream: Upstream;
  tried: readonly NodeHandle[];
  moved: number;
  repeated: number;
}

/** Requests that come at random, each handled as the gateway's exchange does: breaker, pick, use, retry. */
export class Traffic {
  rate: number;
  /** Requests under way. */
  open = 0;
  /** Every node that was ever used. */
  readonly handles = new Set<TableHandle>();
  readonly #parts: TrafficParts;
  readonly #scenario: Scenario;
  readonly #start: number;
  readonly #end: number;
  /** Apart from each other, so that every variant gets the same requests at the same moments. */
  readonly #loadRandom: Random;
  readonly #nodeRandom: Random;

  constructor(scenario: Scenario, parts: TrafficParts) {
    this.#parts = parts;
    this.#scenario = scenario;
    this.rate = scenario.rate;
    this.#start = parts.clock.now();
    this.#end = this.#start + scenario.duration * 1000;
    this.#loadRandom = seededRandom(parts.seed);
    this.#nodeRandom = seededRandom(parts.seed + 2);
  }

  /** Begins with the first request a moment from now, when the plan has come to the workers. */
  begin(): void {
    this.#parts.clock.after(1, () => this.#arrive());
  }

  #arrive(): void {
    const { clock, workers } = this.#parts;
    if (clock.now() >= this.#end) return;
    const random = this.#loadRandom;
    const store = workers[random.below(workers.length)]!;
    const key = random.below(this.#scenario.keys ?? KEYS);
    const isWrite = random.next() < (this.#scenario.writes ?? 0);
    this.#begin(store, key, isWrite ? 'POST' : 'GET');
    clock.after(drawPause(this.rate, random), () => this.#arrive());
  }

  #begin(store: SnapshotStore, key: number, method: Request['method']): void {
    const now = this.#parts.clock.now();
    const snapshot = store.current;
    const upstream = snapshot.upstreams.get(UPSTREAM_ID);
    if (!upstream?.admits()) return this.#parts.record.ended(now - this.#start, now - this.#start, 'shed');
    snapshot.users += 1;
    this.open += 1;
    const hash = hashText(String(key));
    const request: Request = {
      ...{ startedAt: now, hash, method, store, snapshot, upstream },
      ...{ tried: [], moved: 0, repeated: 0 },
    };
    const node = this.#try(request);
    if (node !== null) this.#parts.record.keyed(key, node);
  }

  /** Returns the name of the node that was picked. */
  #try(request: Request): string | null {
    const { clock, fleet } = this.#parts;
    const now = clock.now();
    const { upstream, hash, tried } = request;
    const context = { hash, now, tried };
    const handle = upstream.pick(context, null);
    const node = handle && fleet.node(handle.node.host);
    if (!handle || !node) {
      this.#finish(request, upstream.selection(null).isFull(context) ? 'full' : 'unconnected');
      return null;
    }
    this.handles.add(handle);
    const deadSince = fleet.deadSince(node.name);
    this.#parts.record.picked(node.name, now - this.#start, deadSince === null ? null : deadSince - this.#start);
    handle.begin();
    const patience = { connect: upstream.plan.timeouts.connect, answer: this.#scenario.timeout ?? TIMEOUT_MS };
    node.serve(clock, this.#nodeRandom, patience, (served) => this.#served(request, handle, served, now));
    return node.name;
  }

  #served(request: Request, handle: TableHandle, { outcome, answered }: Served, begun: number): void {
    const { upstream } = request;
    const now = this.#parts.clock.now();
    if (answered) handle.answered(Math.max(1, (now - begun) * 1000), now);
    if (outcome === Outcome.connectFailure) upstream.connectFailed(handle, now);
    handle.end(outcome, now);
    if (outcome === Outcome.success) return this.#finish(request, null);
    if (answered && !wantsAnother(request)) return this.#finish(request, 'answer');
    const [kind, failure] = FAILURES[outcome] ?? FAILURES[Outcome.timeout]!;
    const tried = {
      ...{ kind, method: request.method, reused: false, nothingSent: kind === 'connect', bodySent: false },
      ...{ answerBegun: false, refreshed: 0, moved: request.moved, repeated: request.repeated },
      elapsedMs: now - request.startedAt,
    };
    if (decideRetry(tried, upstream.plan) !== 'move') return this.#finish(request, failure);
    request.tried = [...request.tried, handle];
    request.moved += 1;
    if (kind !== 'connect') request.repeated += 1;
    this.#parts.record.retries += 1;
    this.#try(request);
  }

  #finish(request: Request, failure: Failure | null): void {
    const { clock, record } = this.#parts;
    record.ended(request.startedAt - this.#start, clock.now() - this.#start, failure);
    if (failure === 'unconnected' && this.#hasWellNode(request)) record.lost += 1;
    request.store.release(request.snapshot);
    this.open -= 1;
  }

  /** Whether there was a node that would have answered, and was not tried. */
  #hasWellNode({ upstream, tried }: Request): boolean {
    const { fleet } = this.#parts;
    return upstream.handles.some(
      (handle) => handle.baseWeight > 0 && !tried.includes(handle) && fleet.isWell(handle.node.host),
    );
  }
}

/** Whether the upstream wants another node asked after a failing answer, and has one. */
function wantsAnother({ upstream: { plan, handles }, tried }: Request): boolean {
  return plan.retryStatuses.includes(ERROR_STATUS) && handles.length > tried.length + 1;
}

const FAILURES: Partial<Record<Outcome, readonly [FailureKind, Failure]>> = {
  [Outcome.serverError]: ['status', 'answer'],
  [Outcome.connectFailure]: ['connect', 'unconnected'],
  [Outcome.reset]: ['closed', 'broken'],
  [Outcome.timeout]: ['timeout', 'timeout'],
};
