/**
 * What a pick costs: `node --expose-gc bench/micro/pick.ts`, or with the name of one balancer behind it. Prints
 * nanoseconds and heap bytes per pick, and the time of a rebuild, for sets of 3, 100 and 10,000 nodes. Takes some seconds.
 */
import { mix32 } from '../../src/balancers/hash.ts';
import { createBalancer } from '../../src/balancers/registry.ts';
import {
  type Balancer,
  type BalancerPlan,
  type NodeHandle,
  Outcome,
  type PickContext,
  type Picker,
} from '../../src/balancers/types.ts';
import { seededRandom, systemRandom } from '../../src/core/random.ts';
import { allocateCounters, CounterBlock } from '../../src/telemetry/counter-table.ts';
import { NODE_FIELDS } from '../../src/telemetry/counters.ts';
import { TableHandle } from '../../src/upstream/handle.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';

const SIZES = [3, 100, 10_000];
const keys = Uint32Array.from({ length: 0x10000 }, (_, index) => mix32(index));
const ROUNDS = 25;
const PICKS = 50_000;
const context: PickContext = { hash: 0, now: 5000, tried: [] };
const table = new NodeTable(allocateNodeTable(1, 0), 0);
const settings = {
  balancer: { type: 'ewma', decayMs: 10_000, boundedLoad: 0 },
  passive: { streaks: [], slowMicros: 0, failStatuses: [], retryAfterMs: 0 },
  limited: false,
};
const counters = new CounterBlock(allocateCounters(1, 10_000, NODE_FIELDS), 0);

function handlesOf(size: number, weightOf: (index: number) => number): NodeHandle[] {
  return Array.from({ length: size }, (_, slot) => {
    const host = `10.${slot >> 16}.${(slot >> 8) & 255}.${slot & 255}`;
    const node = { host, port: 80, weight: weightOf(slot), priority: 0, metadata: {}, tags: [] };
    return new TableHandle({ slot, node, override: null }, settings, { table, counters, alarm: () => {} });
  });
}

function run(picker: Picker, picks: number): NodeHandle | null {
  let last: NodeHandle | null = null;
  for (let pick = 0; pick < picks; pick++) {
    context.hash = keys[pick & 0xffff]!;
    last = picker.pick(context);
  }
  return last;
}

/** Medians over rounds: a virtual machine has bad moments, and a compiler that has not come to the end. */
function measure(picker: Picker): { nanoseconds: number; bytes: number } {
  for (let round = 0; round < ROUNDS; round++) run(picker, PICKS);
  globalThis.gc?.();
  const nanoseconds = new Float64Array(ROUNDS);
  const bytes = new Float64Array(ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    const heap = process.memoryUsage().heapUsed;
    const began = process.hrtime.bigint();
    run(picker, PICKS);
    nanoseconds[round] = Number(process.hrtime.bigint() - began) / PICKS;
    bytes[round] = Math.max(0, process.memoryUsage().heapUsed - heap) / PICKS;
  }
  return { nanoseconds: nanoseconds.sort()[ROUNDS >> 1]!, bytes: bytes.sort()[ROUNDS >> 1]! };
}

/** Median over changes of one node. */
function rebuildMicros(balancer: Balancer, handles: readonly NodeHandle[], picker: Picker): number {
  const count = handles.length > 1000 ? 21 : 501;
  const fewer = handles.slice(1);
  const rounds = new Float64Array(count);
  for (let round = 0; round < count; round++) {
    const began = process.hrtime.bigint();
    picker = balancer.build(round % 2 === 0 ? fewer : handles, picker);
    rounds[round] = Number(process.hrtime.bigint() - began) / 1000;
  }
  return rounds.sort()[count >> 1]!;
}

const random = seededRandom(1);
const weights: Record<string, (index: number) => number> = {
  equal: () => 1,
  unequal: () => 1 + random.below(100),
};
const rows: Record<string, Record<string, string>> = {};
const kinds: readonly (readonly [string, Partial<BalancerPlan> & { readonly type: string }])[] = [
  ['roundrobin', { type: 'roundrobin' }],
  ['least_conn', { type: 'least_conn' }],
  ['random', { type: 'random' }],
  ['ewma', { type: 'ewma' }],
  ['chash', { type: 'chash' }],
  ['chash, bounded', { type: 'chash', boundedLoad: 1.25 }],
];
const chosen = process.argv[2] ?? '';
for (const [name, plan] of kinds) {
  if (!name.startsWith(chosen)) continue;
  const balancer = createBalancer({ ...settings.balancer, ...plan }, systemRandom);
  for (const [kind, weightOf] of Object.entries(weights)) {
    for (const size of SIZES) {
      const handles = handlesOf(size, weightOf);
      // Loads and latencies that differ, as those of nodes in use do.
      for (const handle of handles) {
        for (let use = random.below(4); use > 0; use--) handle.begin();
        handle.answered(1000 + random.below(20_000), context.now);
      }
      const picker = balancer.build(handles, null);
      const { nanoseconds, bytes } = measure(picker);
      rows[`${name}, ${kind} weights, ${size} nodes`] = {
        'ns per pick': nanoseconds.toFixed(1),
        'bytes per pick': bytes.toFixed(3),
        'µs per rebuild': rebuildMicros(balancer, handles, picker).toFixed(1),
      };
      for (const handle of handles) while (handle.inflight() > 0) handle.end(Outcome.success, context.now);
    }
  }
}
console.table(rows);
