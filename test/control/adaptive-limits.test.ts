import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdaptiveLimits, type LimitRule } from '../../src/control/adaptive-limits.ts';
import { Statistics } from '../../src/control/statistics.ts';
import { CounterBlock } from '../../src/telemetry/counter-table.ts';
import { NodeField } from '../../src/telemetry/counters.ts';
import { NodeTable } from '../../src/upstream/node-table.ts';
import { FakeClock } from '../support/fake-clock.ts';

const ADAPTIVE: LimitRule = { max: 0, adaptive: { minLimit: 4, maxLimit: 100, tolerance: 1.5 } };

function setup() {
  const clock = new FakeClock();
  const { table, nodes, memory } = new Statistics(1, clock.now());
  const worker = new NodeTable(memory.nodes, 0);
  const counters = new CounterBlock(memory.counters.nodes, 0);
  const limits = new AdaptiveLimits(clock, table, nodes);
  /** A quarter of a second in which the node gave so many answers. */
  const step = (slot: number, answers: number, micros: number) => {
    counters.add(slot, NodeField.answers, answers);
    counters.add(slot, NodeField.answerMicros, answers * micros);
    clock.advance(250);
  };
  return { clock, table, worker, limits, step };
}

describe('limits of nodes', () => {
  it('fixed ones are set as they are, and taken back', () => {
    const { clock, table, limits } = setup();
    limits.track([{ rule: { max: 7, adaptive: null }, slots: [1, 2] }]);
    assert.deepEqual([table.limit(1), table.limit(2), table.limit(3), clock.pending], [7, 7, 0, 0]);
    limits.track([{ rule: { max: 0, adaptive: null }, slots: [1, 2] }]);
    assert.equal(table.limit(1), 0);
  });

  it('adaptive ones follow what the workers measured, each node for itself', () => {
    const { table, worker, limits, step } = setup();
    limits.track([{ rule: ADAPTIVE, slots: [1, 2] }]);
    const start = table.limit(1);
    for (let busy = 0; busy < 20; busy++) worker.begin(2);
    for (let round = 0; round < 5; round++) step(1, 50, 10_000);
    for (let round = 0; round < 10; round++) step(1, 50, 200_000);
    for (let round = 0; round < 10; round++) step(2, 50, 10_000);
    assert.ok(table.limit(1) < start, `shrinks: ${table.limit(1)}`);
    assert.ok(table.limit(2) > start, `grows: ${table.limit(2)}`);
  });

  it('follow other bounds at once, and keep what was found out within them', () => {
    const { table, worker, limits, step } = setup();
    const within = (minLimit: number, maxLimit: number, tolerance = 1.5) =>
      limits.track([{ rule: { max: 0, adaptive: { minLimit, maxLimit, tolerance } }, slots: [1] }]);
    within(4, 100);
    for (let round = 0; round < 5; round++) step(1, 50, 10_000);
    for (let round = 0; round < 10; round++) step(1, 50, 200_000);
    const found = table.limit(1);
    within(2, 90);
    assert.equal(table.limit(1), found, 'nothing new is known of the node');
    within(found + 5, 90);
    assert.equal(table.limit(1), found + 5);
    within(1, found - 1);
    assert.equal(table.limit(1), found - 1);
    for (let round = 0; round < 20; round++) step(1, 50, 2_000_000);
    assert.ok(table.limit(1) < found - 1, 'the usual time is known still: such answers are slow');
    const slow = table.limit(1);
    within(1, 90, 1000);
    for (let busy = 0; busy < 20; busy++) worker.begin(1);
    for (let round = 0; round < 10; round++) step(1, 50, 2_000_000);
    assert.ok(table.limit(1) > slow, 'not for who tolerates them');
  });

  it('become adaptive and fixed again while the nodes stay', () => {
    const { clock, table, limits, step } = setup();
    limits.track([{ rule: { max: 7, adaptive: null }, slots: [1] }]);
    for (let round = 0; round < 4; round++) step(1, 50, 900_000);
    limits.track([{ rule: ADAPTIVE, slots: [1] }]);
    assert.equal(table.limit(1), 20, 'what was fixed says nothing of what the node can do');
    step(1, 50, 10_000);
    assert.ok(table.limit(1) >= 20, 'what was answered before is not counted');
    limits.track([{ rule: { max: 7, adaptive: null }, slots: [1] }]);
    assert.deepEqual([table.limit(1), clock.pending], [7, 0]);
  });

  it('keep what was found out when others come and go, and stop when nobody wants them', () => {
    const { clock, table, limits, step } = setup();
    limits.track([{ rule: ADAPTIVE, slots: [1] }]);
    for (let round = 0; round < 5; round++) step(1, 50, 10_000);
    for (let round = 0; round < 10; round++) step(1, 50, 200_000);
    const found = table.limit(1);
    limits.track([{ rule: ADAPTIVE, slots: [1, 2] }]);
    assert.equal(table.limit(1), found);
    limits.track([]);
    assert.equal(clock.pending, 0);
    limits.track([{ rule: ADAPTIVE, slots: [1] }]);
    limits.close();
    assert.equal(clock.pending, 0);
  });
});
