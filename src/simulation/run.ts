import { type Random, seededRandom } from '../core/random.ts';
import { Fleet } from './fleet.ts';
import { SimulatedPlane } from './plane.ts';
import { SimulatedProbes } from './probes.ts';
import { Recorder } from './recorder.ts';
import { RunLog } from './run-log.ts';
import type { Scenario, ScenarioEvent } from './scenario.ts';
import { Traffic } from './traffic.ts';
import { upstreamOf, type Variant } from './variants.ts';
import { VirtualClock } from './virtual-clock.ts';

const SECOND = 1000;
/** Turns of the microtask queue in which a probe and what follows from it come to their end. */
const TURNS = 16;

/** What one variant made of a scenario. Times in `fleet` and `log` count from `start`. */
export interface Run {
  readonly label: string;
  /** Milliseconds. */
  readonly start: number;
  readonly record: Recorder;
  readonly fleet: Fleet;
  readonly log: RunLog;
  /** Uses that were never counted out; 0 unless something is wrong. */
  readonly inflightLeft: number;
}

/** One run of a scenario with one variant: the gateway's own picks, health and retries against simulated nodes and time. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #variant: Variant;
  readonly #clock = new VirtualClock();
  readonly #start = this.#clock.now();
  readonly #record = new Recorder();
  readonly #churnRandom: Random;
  readonly #fleet: Fleet;
  readonly #log: RunLog;
  readonly #probes: SimulatedProbes;
  readonly #plane: SimulatedPlane;
  readonly #traffic: Traffic;

  constructor(scenario: Scenario, variant: Variant) {
    this.#scenario = scenario;
    this.#variant = variant;
    const { seed = 1, workers = 2 } = scenario;
    const clock = this.#clock;
    this.#churnRandom = seededRandom(seed + 3);
    this.#fleet = new Fleet(scenario, this.#start);
    this.#log = new RunLog(clock, () => this.#fleet.nodes().length);
    this.#probes = new SimulatedProbes(clock, seededRandom(seed + 4), this.#fleet);
    const tools = { clock, random: seededRandom(seed + 1), log: this.#log };
    this.#plane = new SimulatedPlane(workers, tools, (plan) => this.#probes.probe(plan));
    const parts = { clock, fleet: this.#fleet, record: this.#record, workers: this.#plane.workers, seed };
    this.#traffic = new Traffic(scenario, parts);
  }

  async run(): Promise<Run> {
    const { events = [], churn, duration, timeout = SECOND } = this.#scenario;
    const end = this.#start + duration * SECOND;
    this.#configure();
    for (const event of events) this.#schedule(event, event.at);
    if (churn) this.#churn(churn);
    this.#traffic.begin();
    await this.#until(end, () => false);
    // What is under way comes to its end.
    await this.#until(end + 20 * timeout, () => this.#traffic.open === 0);
    const inflightLeft = [...this.#traffic.handles].reduce((sum, handle) => sum + handle.inflight(), 0);
    this.#plane.close();
    const { label } = this.#variant;
    return { label, start: this.#start, record: this.#record, fleet: this.#fleet, log: this.#log, inflightLeft };
  }

  async #until(end: number, isOver: () => boolean): Promise<void> {
    while (!isOver() && this.#clock.step(end)) {
      while (this.#probes.isUnsettled) {
        this.#probes.isUnsettled = false;
        for (let turn = 0; turn < TURNS; turn++) await null;
      }
    }
  }

  #configure(): void {
    const nodes = this.#fleet.nodes();
    this.#record.fairShare.setNodes(nodes);
    this.#plane.configure(upstreamOf(this.#scenario, this.#variant, nodes));
  }

  #schedule(event: ScenarioEvent, at: number): void {
    this.#clock.after(this.#start + at * SECOND - this.#clock.now(), () => {
      this.#happen(event);
      const again = at + (event.every ?? Number.POSITIVE_INFINITY);
      if (again < this.#scenario.duration) this.#schedule(event, again);
    });
  }

  #happen(event: ScenarioEvent): void {
    if (event.rate !== undefined) this.#traffic.rate = event.rate;
    this.#fleet.change(event, this.#clock.now());
    if (event.action !== undefined || event.weight !== undefined) this.#configure();
  }

  #churn(churn: NonNullable<Scenario['churn']>): void {
    this.#clock.after(churn.every * SECOND, () => {
      const { names } = this.#fleet;
      const name = names[this.#churnRandom.below(names.length)]!;
      if (this.#fleet.isPresent(name) && this.#fleet.nodes().length > 1) {
        this.#setPresent(name, false);
        this.#clock.after(churn.away * SECOND, () => this.#setPresent(name, true));
      }
      this.#churn(churn);
    });
  }

  #setPresent(name: string, present: boolean): void {
    this.#fleet.churn(name, present, this.#clock.now());
    this.#configure();
  }
}
