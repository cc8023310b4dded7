import { type NodeHandle, Outcome } from '../balancers/types.ts';
import { silentLog } from '../core/log.ts';
import { type Random, seededRandom } from '../core/random.ts';
import { decideRetry, type FailureKind } from '../l7/retry.ts';
import type { TableHandle } from '../upstream/handle.ts';
import { Fleet } from './fleet.ts';
import { drawPause } from './latency.ts';
import { SimulatedPlane } from './plane.ts';
import { Recorder } from './recorder.ts';
import type { Scenario, ScenarioEvent } from './scenario.ts';
import type { Served } from './simulated-node.ts';
import { VirtualClock } from './virtual-clock.ts';

const SECOND = 1000;
/** Turns of the microtask queue in which a probe and what follows from it come to their end. */
const TURNS = 8;
/** A node that has refused every connection for this long is known to be dead. */
const KNOWN_AFTER_MS = 1000;

/** What one balancer made of a scenario. */
export interface Run {
  readonly balancer: string;
  readonly record: Recorder;
  readonly fleet: Fleet;
  /** Uses that were never counted out; 0 unless something is wrong. */
  readonly inflightLeft: number;
  readonly ejections: number;
}

interface Request {
  readonly worker: number;
  readonly key: number;
  readonly startedAt: number;
  tried: NodeHandle[];
  moved: number;
  repeated: number;
}

/** One run of a scenario with one balancer: the gateway's own picks, health and retries against simulated nodes and time. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #balancer: string;
  readonly #clock = new VirtualClock();
  readonly #random: Random;
  readonly #fleet: Fleet;
  readonly #plane: SimulatedPlane;
  readonly #record = new Recorder();
  readonly #start: number;
  readonly #end: number;
  readonly #lastNode = new Map<number, string>();
  readonly #deadSince = new Map<string, number>();
  readonly #handles = new Set<TableHandle>();
  #rate: number;

  constructor(scenario: Scenario, balancer: string) {
    this.#scenario = scenario;
    this.#balancer = balancer;
    this.#random = seededRandom(scenario.seed ?? 1);
    this.#fleet = new Fleet(scenario);
    const tools = { clock: this.#clock, random: seededRandom((scenario.seed ?? 1) + 1), log: silentLog };
    this.#plane = new SimulatedPlane(scenario.workers ?? 2, tools, this.#fleet.probe());
    this.#start = this.#clock.now();
    this.#end = this.#start + scenario.duration * SECOND;
    this.#rate = scenario.rate;
  }

  async run(): Promise<Run> {
    this.#configure();
    for (const event of this.#scenario.events ?? []) this.#clock.after(event.at * SECOND, () => this.#happen(event));
    if (this.#scenario.churn) this.#churn(this.#scenario.churn);
    this.#clock.after(1, () => this.#arrive());
    await this.#until(this.#end);
    // What is under way comes to its end.
    await this.#until(this.#end + 10 * (this.#scenario.timeout ?? SECOND));
    const inflightLeft = [...this.#handles].reduce((sum, handle) => sum + handle.inflight(), 0);
    this.#plane.close();
    const ejections = this.#plane.supervision.outliers.tallies.ejected;
    return { balancer: this.#balancer, record: this.#record, fleet: this.#fleet, inflightLeft, ejections };
  }

  async #until(end: number): Promise<void> {
    const checks = (this.#scenario.upstream as { checks?: { active?: unknown } } | undefined)?.checks?.active;
    while (this.#clock.step(end)) {
      if (checks === undefined) continue;
      for (let turn = 0; turn < TURNS; turn++) await null;
    }
  }

  #configure(): void {
    this.#plane.configure({
      ...this.#scenario.upstream,
      type: this.#balancer as 'roundrobin',
      nodes: this.#fleet.nodes(),
    });
  }

  #happen(event: ScenarioEvent): void {
    if (event.rate !== undefined) this.#rate = event.rate;
    for (const name of this.#fleet.targets(event)) {
      this.#fleet.change(name, event);
      if (event.action !== undefined) this.#fleet.setPresent(name, event.action === 'add');
      if (this.#fleet.node(name)?.accepts) this.#deadSince.delete(name);
      else if (!this.#deadSince.has(name)) this.#deadSince.set(name, this.#clock.now());
    }
    if (event.action !== undefined) this.#configure();
  }

  #churn(churn: NonNullable<Scenario['churn']>): void {
    this.#clock.after(churn.every * SECOND, () => {
      const { names } = this.#fleet;
      const name = names[this.#random.below(names.length)]!;
      if (this.#fleet.isPresent(name) && this.#fleet.nodes().length > 1) {
        this.#setPresent(name, false);
        this.#clock.after(churn.away * SECOND, () => this.#setPresent(name, true));
      }
      this.#churn(churn);
    });
  }

  #setPresent(name: string, present: boolean): void {
    this.#fleet.setPresent(name, present);
    this.#configure();
  }

  #arrive(): void {
    const now = this.#clock.now();
    if (now >= this.#end) return;
    const worker = this.#random.below(this.#scenario.workers ?? 2);
    const key = this.#random.below(this.#scenario.keys ?? 1000);
    this.#try({ worker, key, startedAt: now, tried: [], moved: 0, repeated: 0 });
    this.#clock.after(drawPause(this.#rate, this.#random), () => this.#arrive());
  }

  #try(request: Request): void {
    const now = this.#clock.now();
    const upstream = this.#plane.upstream(request.worker);
    const hash = Math.imul(request.key + 1, 0x9e3779b1) >>> 0;
    const handle = upstream?.pick({ hash, now, tried: request.tried }, null) ?? null;
    const node = handle && this.#fleet.node(handle.node.host);
    if (!upstream || !handle || !node) return this.#record.ended(request.startedAt, now, false);
    this.#handles.add(handle);
    this.#note(request, handle.node.host, now);
    handle.begin();
    node.serve(this.#clock, this.#random, this.#scenario.timeout ?? SECOND, (served) => {
      const at = this.#clock.now();
      if (served.answered) handle.answered(Math.max(1, (at - now) * 1000), at);
      if (served.outcome === Outcome.connectFailure) upstream.connectFailed(handle, at);
      handle.end(served.outcome, at);
      this.#ended(request, handle, served, at, upstream.plan);
    });
  }

  #ended(request: Request, handle: NodeHandle, { outcome, answered }: Served, now: number, limits: Limits): void {
    if (answered) return this.#record.ended(request.startedAt, now, outcome === Outcome.success);
    const kind = KINDS[outcome] ?? 'timeout';
    const tried = {
      ...{ kind, method: 'GET', reused: false, nothingSent: kind === 'connect', bodySent: false, answerBegun: false },
      ...{ refreshed: 0, moved: request.moved, repeated: request.repeated, elapsedMs: now - request.startedAt },
    };
    if (decideRetry(tried, limits) !== 'move') return this.#record.ended(request.startedAt, now, false);
    request.tried = [...request.tried, handle];
    request.moved += 1;
    if (kind !== 'connect') request.repeated += 1;
    this.#record.retries += 1;
    this.#try(request);
  }

  #note(request: Request, host: string, now: number): void {
    this.#record.picked(host, now - this.#start);
    const deadSince = this.#deadSince.get(host);
    if (deadSince !== undefined && now - deadSince > KNOWN_AFTER_MS) this.#record.wrong += 1;
    if (request.tried.length > 0) return;
    const last = this.#lastNode.get(request.key);
    if (last !== undefined) this.#record.repeated += 1;
    if (last !== undefined && last !== host) this.#record.moved += 1;
    this.#lastNode.set(request.key, host);
  }
}

type Limits = Parameters<typeof decideRetry>[1];

const KINDS: Partial<Record<Outcome, FailureKind>> = {
  [Outcome.connectFailure]: 'connect',
  [Outcome.reset]: 'closed',
  [Outcome.timeout]: 'timeout',
};
