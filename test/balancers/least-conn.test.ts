import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLeastConn, EXACT_LIMIT } from '../../src/balancers/least-conn.ts';
import type { Picker } from '../../src/balancers/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { contextOf, type FakeHandle, noChance, nodesOf, picksOf, picksUntried, sharesOf } from './fake-handle.ts';

const balancer = createLeastConn(noChance);
const LARGE = EXACT_LIMIT + 8;
const large = () => nodesOf(...Array.from({ length: LARGE }, () => 1));

/** The nodes that one pick looks at, and the one that it takes. */
function looked(picker: Picker, handles: readonly FakeHandle[]): { seen: FakeHandle[]; taken: FakeHandle } {
  for (const handle of handles) handle.looks = 0;
  const taken = picker.pick(contextOf()) as FakeHandle;
  return { seen: handles.filter((handle) => handle.looks > 0), taken };
}

describe('least_conn: small sets', () => {
  it('picks the smallest (in flight + 1) / weight', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(30)), { minLength: 1, maxLength: EXACT_LIMIT }),
        fc.nat(),
        (nodes, seed) => {
          const handles = nodesOf(...nodes.map(([weight]) => weight));
          nodes.forEach(([, load], index) => {
            handles[index]!.load = load;
          });
          const picker = createLeastConn(seededRandom(seed)).build(handles, null);
          const score = (handle: { weight: number; inflight(): number }) => (handle.inflight() + 1) / handle.weight;
          const best = Math.min(...handles.map(score));
          for (let pick = 0; pick < 5; pick++) assert.equal(score(picker.pick(contextOf())!), best);
        },
      ),
    );
  });

  it('fills nodes in proportion to their weights', () => {
    const handles = nodesOf(4, 2, 1);
    const picker = balancer.build(handles, null);
    for (let use = 0; use < 70; use++) picker.pick(contextOf())!.begin();
    assert.deepEqual(
      handles.map((handle) => handle.load),
      [40, 20, 10],
    );
  });

  it('lets nodes of equal load take turns', () => {
    assert.equal(picksOf(balancer.build(nodesOf(1, 1, 1), null), 7), 'a b c a b c a');
  });

  it('shares fairly among those of equal load, wherever they stand', () => {
    const handles = nodesOf(1, 1, 1, 1, 1, 1);
    for (const index of [0, 2, 3, 4]) handles[index]!.load = 5;
    assert.equal(picksOf(balancer.build(handles, null), 6), 'b f b f b f');
  });

  it('goes on with its turns over a rebuild', () => {
    const [a, b, c, d] = nodesOf(1, 1, 1, 1) as [FakeHandle, FakeHandle, FakeHandle, FakeHandle];
    const picker = balancer.build([a, b, c, d], null);
    assert.equal(picksOf(picker, 2), 'a b');
    assert.equal(picksOf(balancer.build([d, b, a, c], picker), 4), 'c d b a');
    assert.equal(picksOf(balancer.build([a, b, d], picker), 3), 'd a b');
  });

  it('starts at random', () => {
    const handles = nodesOf(1, 1, 1, 1);
    const firsts = new Set(
      Array.from({ length: 60 }, (_, seed) => picksOf(createLeastConn(seededRandom(seed)).build(handles, null), 1)),
    );
    assert.equal(firsts.size, 4);
  });

  it('picks nothing of nothing', () => {
    const empty = balancer.build([], null);
    assert.equal(empty.pick(contextOf()), null);
    assert.equal(picksOf(balancer.build(nodesOf(1), empty), 1), 'a');
  });
});

describe('least_conn: large sets', () => {
  it('looks at exactly two different nodes, and every pair comes with the same chance', () => {
    const handles = large();
    const picker = createLeastConn(seededRandom(5)).build(handles, null);
    const pairs = new Map<string, number>();
    const count = (LARGE * (LARGE - 1)) / 2;
    for (let pick = 0; pick < count * 100; pick++) {
      const { seen } = looked(picker, handles);
      assert.equal(seen.length, 2);
      const pair = `${seen[0]!.node.host} ${seen[1]!.node.host}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    }
    assert.equal(pairs.size, count);
    for (const [pair, times] of pairs) assert.ok(times > 50 && times < 150, `${pair} came ${times} times of 100`);
  });

  it('picks the less loaded of the two', () => {
    const handles = large();
    const random = seededRandom(8);
    const picker = createLeastConn(random).build(handles, null);
    for (let pick = 0; pick < 500; pick++) {
      for (const handle of handles) handle.load = random.below(5);
      const { seen, taken } = looked(picker, handles);
      assert.equal(taken.load, Math.min(...seen.map((handle) => handle.load)));
    }
  });

  it('favours no node when all are idle', () => {
    const handles = large();
    const shares = sharesOf(createLeastConn(seededRandom(7)).build(handles, null), LARGE * 500);
    for (const handle of handles) {
      const share = shares.get(handle) ?? 0;
      assert.ok(share > 400 && share < 600, `${handle.node.host} was picked ${share} times instead of about 500`);
    }
  });

  it('keeps the loads close together', () => {
    const handles = large();
    const picker = createLeastConn(seededRandom(3)).build(handles, null);
    for (let use = 0; use < LARGE * 50; use++) picker.pick(contextOf())!.begin();
    assert.ok(Math.max(...handles.map((handle) => handle.load)) <= 54);
    assert.ok(Math.min(...handles.map((handle) => handle.load)) >= 44);
  });
});

describe('least_conn: nodes that were tried', () => {
  it('are never picked; null only when all were', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.nat(59), { maxLength: 8 }),
        fc.nat(),
        (size, indices, seed) => {
          const handles = nodesOf(...Array.from({ length: size }, () => 1));
          const picker = createLeastConn(seededRandom(seed)).build(handles, null);
          picksUntried(picker, handles, indices);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('leaves the last one of a large set', () => {
    const handles = large();
    for (let seed = 0; seed < 50; seed++) {
      const picker = createLeastConn(seededRandom(seed)).build(handles, null);
      assert.equal(picker.pick(contextOf(handles.filter((_, index) => index !== 5))), handles[5]);
      assert.equal(picker.pick(contextOf(handles)), null);
    }
  });
});
