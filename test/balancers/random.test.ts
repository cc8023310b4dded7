import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLeastConn } from '../../src/balancers/least-conn.ts';
import { createRandom } from '../../src/balancers/random.ts';
import { TwoDraws } from '../../src/balancers/two-draws.ts';
import { seededRandom } from '../../src/core/random.ts';
import { contextOf, type FakeHandle, nodesOf, sharesOf } from './fake-handle.ts';
import { around, LoadRun } from './load-run.ts';

const weightLists = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 60 });

describe('two draws', () => {
  it('never are the same node, whatever the weights', () => {
    fc.assert(
      fc.property(weightLists, fc.nat(), (weights, seed) => {
        const draws = new TwoDraws(nodesOf(...weights), seededRandom(seed));
        for (let draw = 0; draw < 200; draw++) {
          draws.draw();
          assert.notEqual(draws.one, draws.other);
          assert.ok(Math.max(draws.one, draws.other) < weights.length && Math.min(draws.one, draws.other) >= 0);
        }
      }),
    );
  });

  it('come as often as the weights say', () => {
    const weights = [1, 100, 3, 50, 0.5, 7, 7, 31.5];
    const draws = new TwoDraws(nodesOf(...weights), seededRandom(5));
    const counts = weights.map(() => 0);
    for (let draw = 0; draw < 200_000; draw++) {
      draws.draw();
      counts[draws.one]! += 1;
    }
    weights.forEach((weight, index) => {
      const share = counts[index]! / 200_000;
      assert.ok(Math.abs(share - weight / 200) < 0.004, `weight ${weight} of 200 was drawn in ${share}`);
    });
  });

  it('leave no node out, even beside a giant', () => {
    const handles = nodesOf(1_000_000, 1, 1, 1);
    const draws = new TwoDraws(handles, seededRandom(1));
    const seen = new Set<number>();
    for (let draw = 0; draw < 100; draw++) {
      draws.draw();
      seen.add(draws.one).add(draws.other);
    }
    assert.equal(seen.size, 4);
  });
});

describe('random', () => {
  it('gives idle nodes the shares of their weights', () => {
    const weights = [1, 2, 3, 4, 10, 20];
    const shares = sharesOf(createRandom(seededRandom(2)).build(nodesOf(...weights), null), 100_000);
    for (const [handle, count] of shares) {
      const share = count / 100_000;
      assert.ok(Math.abs(share - handle.weight / 40) < 0.01, `weight ${handle.weight} of 40 got ${share}`);
    }
  });

  it('evens out the load, by weight', () => {
    const handles = nodesOf(1, 2, 4, 8, 1, 2, 4, 8);
    const picker = createRandom(seededRandom(3)).build(handles, null);
    for (let use = 0; use < 30 * 100; use++) picker.pick(contextOf())!.begin();
    for (const { load, weight } of handles) {
      assert.ok(Math.abs(load / weight - 100) <= 4, `${load} under way with weight ${weight}`);
    }
  });

  it('leaves a node that has more to do than another', () => {
    const [busy, idle] = nodesOf(1, 1) as [FakeHandle, FakeHandle];
    const picker = createRandom(seededRandom(4)).build([busy, idle], null);
    busy.load = 1;
    for (let pick = 0; pick < 20; pick++) assert.equal(picker.pick(contextOf()), idle);
  });

  it('keeps shares under light load, and so does least_conn on large sets', () => {
    const weights = Array.from({ length: 40 }, (_, index) => (index % 4) + 1);
    const nodes = weights.map((weight) => ({ weight, answers: around(10) }));
    for (const create of [createRandom, createLeastConn]) {
      const run = new LoadRun({ nodes, rate: 500, seed: 6 });
      const counts = run.send(create(run.random), 120);
      const ofWeight = (wanted: number) =>
        counts.reduce((sum, count, index) => sum + (weights[index] === wanted ? count : 0), 0) / (500 * 120);
      for (const weight of [1, 2, 3, 4]) {
        const share = ofWeight(weight);
        assert.ok(Math.abs(share - weight / 10) < 0.03, `those of weight ${weight} of 10 got ${share}`);
      }
    }
  });

  it('never picks what was tried; null only when all were', () => {
    fc.assert(
      fc.property(weightLists, fc.array(fc.nat(59)), fc.nat(), (weights, indices, seed) => {
        const handles = nodesOf(...weights);
        const tried = [...new Set(indices)].flatMap((index) => handles[index] ?? []);
        const picker = createRandom(seededRandom(seed)).build(handles, null);
        for (let pick = 0; pick < 10; pick++) {
          const handle = picker.pick(contextOf(tried)) as FakeHandle | null;
          if (tried.length === handles.length) assert.equal(handle, null);
          else assert.ok(handle !== null && !tried.includes(handle));
        }
      }),
    );
    assert.equal(createRandom(seededRandom(1)).build([], null).pick(contextOf()), null);
    const [only] = nodesOf(1);
    assert.equal(createRandom(seededRandom(1)).build([only!], null).pick(contextOf()), only);
  });
});
