import { type Balancer, Outcome } from '../../src/balancers/types.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { allocateCounters, CounterBlock } from '../../src/telemetry/counter-table.ts';
import { NODE_FIELDS } from '../../src/telemetry/counters.ts';
import { TableHandle } from '../../src/upstream/handle.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';
import { plainUpstream, plannedNode } from '../support/planned.ts';

/** How a node answers a request that begins at `now`, in milliseconds; negative: it fails after that time. */
export type Answers = (now: number, random: Random) => number;

interface Use {
  readonly at: number;
  readonly node: number;
  readonly began: number;
  readonly failed: boolean;
}

export interface RunOptions {
  readonly nodes: readonly { readonly answers: Answers; readonly weight?: number }[];
  /** Requests per second, at random moments. */
  readonly rate: number;
  readonly seed: number;
  readonly decayMs?: number;
}

/** Requests that come at random moments, on nodes of a real table, in virtual time. */
export class LoadRun {
  readonly handles: readonly TableHandle[];
  /** Milliseconds. */
  now = 1000;
  readonly #options: RunOptions;
  readonly #random: Random;
  /** Sorted by time. */
  readonly #uses: Use[] = [];

  constructor(options: RunOptions) {
    const { decayMs = 10_000 } = options;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const table = new NodeTable(allocateNodeTable(1, 0), 0);
    const counters = new CounterBlock(allocateCounters(1, options.nodes.length, NODE_FIELDS), 0);
    const settings = { ...plainUpstream, balancer: { type: 'ewma', decayMs, boundedLoad: 0 } };
    this.handles = options.nodes.map(({ weight = 1 }, slot) => {
      const planned = plannedNode(slot, { host: `n${slot}`, weight });
      return new TableHandle(planned, settings, { table, counters, alarm: () => {} });
    });
  }

  get random(): Random {
    return this.#random;
  }

  /** Sends requests for that many seconds. Returns how many each node got. */
  send(balancer: Balancer, seconds: number, only: readonly TableHandle[] = this.handles): number[] {
    const picker = balancer.build(only, null);
    const counts = this.handles.map(() => 0);
    const end = this.now + seconds * 1000;
    for (;;) {
      this.now += (-Math.log(1 - this.#random.next()) * 1000) / this.#options.rate;
      this.#settle(Math.min(this.now, end));
      if (this.now >= end) break;
      const handle = picker.pick({ hash: 0, now: this.now, tried: [] }) as TableHandle;
      counts[handle.slot]! += 1;
      this.#begin(handle);
    }
    this.now = end;
    return counts;
  }

  #begin(handle: TableHandle): void {
    handle.begin();
    const takes = this.#options.nodes[handle.slot]!.answers(this.now, this.#random);
    const use = { at: this.now + Math.abs(takes), node: handle.slot, began: this.now, failed: takes < 0 };
    let place = this.#uses.length;
    while (place > 0 && this.#uses[place - 1]!.at > use.at) place -= 1;
    this.#uses.splice(place, 0, use);
  }

  #settle(until: number): void {
    while (this.#uses.length > 0 && this.#uses[0]!.at <= until) {
      const { at, node, began, failed } = this.#uses.shift()!;
      const handle = this.handles[node]!;
      if (!failed) handle.answered((at - began) * 1000, at);
      handle.end(failed ? Outcome.reset : Outcome.success, at);
    }
  }
}

/** Answers after that many milliseconds on average, half of it always and the rest at random. */
export function around(ms: number): Answers {
  return (_, random) => ms / 2 - (Math.log(1 - random.next()) * ms) / 2;
}
