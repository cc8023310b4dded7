import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEwma } from '../../src/balancers/ewma.ts';
import { seededRandom } from '../../src/core/random.ts';
import { contextOf, type FakeHandle, nodesOf, sharesOf } from './fake-handle.ts';
import { type Answers, around, LoadRun } from './load-run.ts';

const TAU = 10_000;
const fair = around(10);

function shareOf(counts: readonly number[], node: number): number {
  return counts[node]! / counts.reduce((sum, count) => sum + count, 0);
}

/** A run whose first node does something else than the others. */
function runWith(first: Answers, count: number, rate: number, seed = 1): LoadRun {
  const nodes = Array.from({ length: count }, (_, index) => ({ answers: index === 0 ? first : fair }));
  return new LoadRun({ nodes, rate, seed, decayMs: TAU });
}

describe('ewma: a slow node', () => {
  for (const [count, rate] of [
    [2, 100],
    [3, 20],
    [3, 1000],
    [10, 20],
    [10, 200],
    [10, 5000],
    [50, 1000],
  ] as const) {
    it(`gets at most 2 % and is back within 2 τ after it recovers: ${count} nodes, ${rate} requests a second`, () => {
      const recovers = 61_000;
      const slowAtFirst: Answers = (now, random) => around(now < recovers ? 100 : 10)(now, random);
      const run = runWith(slowAtFirst, count, rate);
      const balancer = createEwma(run.random, TAU);
      const slow = shareOf(run.send(balancer, 60), 0);
      assert.ok(slow <= 0.02, `it got ${slow} while it was slow`);
      run.send(balancer, (2 * TAU) / 1000);
      const back = shareOf(run.send(balancer, (2 * TAU) / 1000), 0);
      assert.ok(back >= 0.5 / count, `it got ${back} afterwards, of ${count} nodes`);
    });
  }

  it('gets no more when other nodes are worse still', () => {
    const answers: Answers[] = [around(200), (_, random) => (random.next() < 0.3 ? -5 : 5), () => -0.2];
    const nodes = Array.from({ length: 10 }, (_, index) => ({ answers: answers[index] ?? fair }));
    const run = new LoadRun({ nodes, rate: 800, seed: 5, decayMs: TAU });
    const counts = run.send(createEwma(run.random, TAU), 60);
    for (const bad of [0, 1, 2]) assert.ok(shareOf(counts, bad) < 0.01, `node ${bad} got ${shareOf(counts, bad)}`);
  });

  it('is not starved for good, however slow it was', () => {
    const stuck: Answers = (now, random) => (now < 21_000 ? 20_000 : fair(now, random));
    const run = runWith(stuck, 5, 200);
    const balancer = createEwma(run.random, TAU);
    run.send(balancer, 60);
    assert.ok(shareOf(run.send(balancer, 20), 0) > 0.1);
  });
});

describe('ewma: a node that fails fast', () => {
  it('attracts nothing', () => {
    for (const failing of [1, 0.3]) {
      const run = runWith((now, random) => (random.next() < failing ? -0.1 : fair(now, random)), 10, 500);
      const share = shareOf(run.send(createEwma(run.random, TAU), 60), 0);
      assert.ok(share < 0.02, `${share} with ${failing} of its answers failing`);
    }
  });

  it('gets its share again when it works', () => {
    const run = runWith((now, random) => (now < 31_000 ? -0.1 : fair(now, random)), 10, 500);
    const balancer = createEwma(run.random, TAU);
    run.send(balancer, 30 + (2 * TAU) / 1000);
    assert.ok(shareOf(run.send(balancer, 20), 0) > 0.05);
  });
});

describe('ewma: cost', () => {
  const balancer = createEwma(seededRandom(9), TAU);

  it('is latency times what is under way, this use included', () => {
    const [a, b] = nodesOf(1, 1) as [FakeHandle, FakeHandle];
    a.peak = 1000;
    b.peak = 3900;
    const picker = balancer.build([a, b], null);
    for (const [load, winner] of [
      [0, a],
      [2, a],
      [3, b],
    ] as const) {
      a.load = load;
      for (let pick = 0; pick < 10; pick++) assert.equal(picker.pick(contextOf()), winner);
    }
  });

  it('looks at two different nodes', () => {
    const handles = nodesOf(1, 1, 1, 1, 1);
    handles[0]!.peak = 50_000;
    for (const handle of handles.slice(1)) handle.peak = 1000;
    const shares = sharesOf(balancer.build(handles, null), 1000);
    assert.equal(shares.get(handles[0]!), undefined);
  });

  it('of a newcomer is the median of its peers', () => {
    const handles = nodesOf(1, 1, 1, 1, 1, 1);
    [1000, 2000, 3000, 4000, 90_000].forEach((peak, index) => {
      handles[index]!.peak = peak;
    });
    const newcomer = handles[5]!;
    for (const [index, wins] of [
      [1, false],
      [3, true],
    ] as const) {
      // The median is taken over all; then all but two are under heavy load.
      const picker = balancer.build(handles, null);
      for (const handle of handles) handle.load = handle === newcomer || handle === handles[index] ? 0 : 1000;
      const shares = sharesOf(picker, 500);
      assert.equal((shares.get(newcomer) ?? 0) > (shares.get(handles[index]!) ?? 0), wins);
    }
  });

  it('knows nothing at first, and then treats all alike', () => {
    const shares = sharesOf(balancer.build(nodesOf(1, 1, 1, 1), null), 4000);
    for (const count of shares.values()) assert.ok(count > 800 && count < 1200);
  });

  it('lets weights have their shares, idle and under load', () => {
    const weights = [1, 2, 4, 8, 5];
    for (const rate of [20, 1000]) {
      const run = new LoadRun({ nodes: weights.map((weight) => ({ weight, answers: fair })), rate, seed: 4 });
      const counts = run.send(createEwma(run.random, TAU), 600_000 / rate / 10);
      weights.forEach((weight, node) => {
        const [share, wanted] = [shareOf(counts, node), weight / 20];
        assert.ok(share > wanted * 0.6 - 0.02 && share < wanted * 1.4 + 0.04, `weight ${weight} of 20 got ${share}`);
      });
    }
  });

  it('gives a newcomer its share, not a flood', () => {
    const run = runWith(fair, 10, 1000);
    const balancer10 = createEwma(run.random, TAU);
    run.send(balancer10, 20, run.handles.slice(1));
    const share = shareOf(run.send(balancer10, 2), 0);
    assert.ok(share > 0.05 && share < 0.2, `${share} of the first requests`);
  });

  it('never picks what was tried', () => {
    const handles = nodesOf(1, 1, 1);
    const picker = balancer.build(handles, null);
    for (let pick = 0; pick < 20; pick++) {
      assert.equal(picker.pick(contextOf(handles.slice(0, 2))), handles[2]);
      assert.equal(picker.pick(contextOf(handles)), null);
    }
    assert.equal(balancer.build([], null).pick(contextOf()), null);
  });
});
