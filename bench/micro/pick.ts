/**
 * What a pick costs: `node --expose-gc bench/micro/pick.ts`. Prints nanoseconds and heap bytes per pick, and the time of
 * a rebuild, for sets of 3, 100 and 10,000 nodes. Takes some seconds.
 */
import { createBalancer } from '../../src/balancers/registry.ts';
import type { Balancer, NodeHandle, PickContext, Picker } from '../../src/balancers/types.ts';
import { seededRandom, systemRandom } from '../../src/core/random.ts';
import { allocateCounters, CounterBlock } from '../../src/telemetry/counter-table.ts';
import { NODE_FIELDS } from '../../src/telemetry/counters.ts';
import { TableHandle } from '../../src/upstream/handle.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';

const SIZES = [3, 100, 10_000];
const MEASURE_MS = 150;
const context: PickContext = { hash: 0, now: 0, tried: [] };
const table = new NodeTable(allocateNodeTable(1, 0), 0);
const settings = {
  balancer: { type: 'roundrobin', decayMs: 10_000, boundedLoad: 0 },
  passive: { streaks: [], slowMicros: 0, failStatuses: [], retryAfterMs: 0 },
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
  for (let pick = 0; pick < picks; pick++) last = picker.pick(context);
  return last;
}

function measure(picker: Picker): { nanoseconds: number; bytes: number } {
  run(picker, 20_000);
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed;
  const began = process.hrtime.bigint();
  let picks = 0;
  while (Number(process.hrtime.bigint() - began) < MEASURE_MS * 1e6) {
    run(picker, 10_000);
    picks += 10_000;
  }
  const nanoseconds = Number(process.hrtime.bigint() - began) / picks;
  return { nanoseconds, bytes: Math.max(0, process.memoryUsage().heapUsed - heap) / picks };
}

function rebuildMicros(balancer: Balancer, handles: readonly NodeHandle[], picker: Picker): number {
  const rounds = handles.length > 1000 ? 20 : 2000;
  const fewer = handles.slice(1);
  const began = process.hrtime.bigint();
  for (let round = 0; round < rounds; round++) picker = balancer.build(round % 2 === 0 ? fewer : handles, picker);
  return Number(process.hrtime.bigint() - began) / rounds / 1000;
}

const random = seededRandom(1);
const weights: Record<string, (index: number) => number> = {
  equal: () => 1,
  unequal: () => 1 + random.below(100),
};
const rows: Record<string, Record<string, string>> = {};
for (const type of ['roundrobin', 'least_conn']) {
  const balancer = createBalancer({ ...settings.balancer, type }, systemRandom);
  for (const [kind, weightOf] of Object.entries(weights)) {
    for (const size of SIZES) {
      const handles = handlesOf(size, weightOf);
      const picker = balancer.build(handles, null);
      const { nanoseconds, bytes } = measure(picker);
      rows[`${type}, ${kind} weights, ${size} nodes`] = {
        'ns per pick': nanoseconds.toFixed(1),
        'bytes per pick': bytes.toFixed(3),
        'µs per rebuild': rebuildMicros(balancer, handles, picker).toFixed(1),
      };
    }
  }
}
console.table(rows);
