/**
 * What a change costs in an upstream of 10,000 nodes: `node bench/micro/change.ts`. Prints milliseconds  * of processor time of each step
 * on the way from a registry's answer to the first pick by it, the mean of 60 changes. Takes some seconds.
 */

import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import type { PickContext } from '../../src/balancers/types.ts';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import type { Assembly } from '../../src/control/assembly.ts';
import { defineResources } from '../../src/control/definitions.ts';
import { NodeHistory } from '../../src/control/node-history.ts';
import { Planning } from '../../src/control/planning.ts';
import { Statistics } from '../../src/control/statistics.ts';
import { silentLog } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { LastGoodCache } from '../../src/discovery/last-good-cache.ts';
import { NodeSets } from '../../src/discovery/node-sets.ts';
import type { Node, NodeSink } from '../../src/discovery/types.ts';
import type { PlanPatch } from '../../src/upstream/plan.ts';
import type { SnapshotStore } from '../../src/worker/snapshot-store.ts';
import { WorkerView } from '../../src/worker/worker-view.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';

const SIZE = 10_000;
const ROUNDS = 60;
type UpstreamInput = NonNullable<DocumentInput['upstreams']>[number];
const GUARD = { minNodes: 5, shrinkPercent: 50, shrinkHold: 0, emptyHold: 0 };
const context: PickContext = { hash: 0, tried: [], now: 0 };

/** Nodes as an adapter makes them of an answer: new objects each time. */
function answer(count: number, weightOf: (index: number) => number = () => 1): Node[] {
  return Array.from({ length: count }, (_, index) => ({
    host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    port: 8080,
    weight: weightOf(index),
    priority: 0,
    metadata: { version: '1.2.3', zone: `z${index % 3}`, instance: `i-${index}` },
    tags: ['live'],
  }));
}

/** Every part between a registry and a pick, in one thread; messages are serialised as between two. */
class Chain {
  readonly steps = new Map<string, number[]>();
  readonly clock = new FakeClock();
  readonly #assembly: Assembly;
  readonly #store: SnapshotStore;
  readonly #channel = new MessageChannel();
  readonly #sinks: NodeSink[] = [];

  constructor(settings: Partial<UpstreamInput>) {
    const { clock } = this;
    const random = seededRandom(1);
    const statistics = new Statistics(1, clock.now());
    this.#store = new WorkerView({ index: 0, memory: statistics.memory, random, alarm: () => {} }).snapshots;
    const watch = (_: unknown, sink: NodeSink) => {
      this.#sinks.push(sink);
      return new Promise<void>(() => {});
    };
    const nodeSets = new NodeSets({
      discoveries: new Map([['consul', { type: 'consul', watch }]]),
      guard: GUARD,
      cache: new LastGoodCache(null, clock, silentLog),
      clock,
      log: silentLog,
    });
    const history = new NodeHistory(clock);
    const planning = new Planning({
      ...{ clock, random, log: silentLog, statistics, nodeSets, history, overrides: null },
      publish: (patch) => this.#deliver(patch),
      workers: () => [0],
    });
    this.#assembly = planning.assembly;
    const upstream = { id: 'web', ...settings };
    planning.define(defineResources(documentFrom({ discovery: { consul: {} }, upstreams: [upstream] })));
  }

  /** Every source answers; returns when a worker picks by it. */
  change(nodes: readonly Node[]): void {
    this.clock.advance(1000);
    context.now = this.clock.now();
    const began = cpuMillis();
    this.#timed('answer → node set', () => {
      for (const sink of this.#sinks) sink.set(nodes);
    });
    this.#timed('node set → snapshot', () => this.#assembly.flush());
    this.#timed('first pick', () => this.#store.current.upstreams.get('web')?.pick(context, null));
    this.#note('all', cpuMillis() - began);
  }

  close(): void {
    this.#channel.port1.close();
  }

  #deliver(patch: PlanPatch): void {
    const { port1, port2 } = this.#channel;
    this.#timed('message: serialise', () => port1.postMessage(patch));
    const received = this.#timed('message: read', () => receiveMessageOnPort(port2)?.message as PlanPatch);
    this.#timed('snapshot', () => this.#store.apply(received));
  }

  #timed<T>(step: string, work: () => T): T {
    const began = cpuMillis();
    const result = work();
    this.#note(step, cpuMillis() - began);
    return result;
  }

  #note(step: string, milliseconds: number): void {
    const known = this.steps.get(step) ?? [];
    known.push(milliseconds);
    this.steps.set(step, known);
  }
}

/** Of this thread: other programs on the machine do not count. */
function cpuMillis(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const SERVICE = { service_name: 'web', discovery_type: 'consul' } as const;
const UPSTREAMS: Readonly<Record<string, Partial<UpstreamInput>>> = {
  '': SERVICE,
  ', with passive checks': { ...SERVICE, checks: { passive: {} } },
  ', with active checks': { ...SERVICE, checks: { active: { type: 'tcp', concurrency: 1 } } },
  ', least_conn': { ...SERVICE, type: 'least_conn' },
  ', two sources': { sources: [SERVICE, { ...SERVICE, service_name: 'web2', priority: -1 }] },
};

const CHANGES: Readonly<Record<string, (round: number) => Node[]>> = {
  'one node comes or goes': (round) => answer(SIZE - (round % 2)),
  'one weight changes': (round) => answer(SIZE, (index) => (index === 4321 ? 1 + round : 1)),
  'a hundred weights change': (round) => answer(SIZE, (index) => (index % 100 === 0 ? 1 + round : 1)),
};

const rows: Record<string, Record<string, string>> = {};
for (const [kind, settings] of Object.entries(UPSTREAMS)) {
  for (const [change, nodesOf] of Object.entries(CHANGES)) {
    const chain = new Chain(settings);
    // The watch begins in a turn of its own.
    await new Promise(setImmediate);
    chain.change(answer(SIZE));
    for (let round = 1; round <= 5; round++) chain.change(nodesOf(round));
    chain.steps.clear();
    for (let round = 6; round < 6 + ROUNDS; round++) chain.change(nodesOf(round));
    const means = [...chain.steps].map(([step, times]) => [step, mean(times).toFixed(2)]);
    rows[`${change}${kind}`] = Object.fromEntries(means);
    chain.close();
  }
}
console.table(rows);
process.exit(0);
