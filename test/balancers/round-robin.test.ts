import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createRoundRobin, SCAN_LIMIT } from '../../src/balancers/round-robin.ts';
import type { NodeHandle } from '../../src/balancers/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { contextOf, type FakeHandle, noChance, nodesOf, picksOf, picksUntried, sharesOf } from './fake-handle.ts';

const fixed = createRoundRobin(noChance);
const weightsOf = (minimum: number, maximum: number) =>
  fc.array(fc.integer({ min: 1, max: 20 }), { minLength: minimum, maxLength: maximum });

/** nginx's algorithm, word for word. */
function nginxSequence(handles: readonly FakeHandle[], count: number): string {
  const current = handles.map(() => 0);
  const total = handles.reduce((sum, handle) => sum + handle.weight, 0);
  const names: string[] = [];
  for (let pick = 0; pick < count; pick++) {
    let best = 0;
    for (let index = 0; index < handles.length; index++) {
      current[index]! += handles[index]!.weight;
      if (current[index]! > current[best]!) best = index;
    }
    current[best]! -= total;
    names.push(handles[best]!.node.host);
  }
  return names.join(' ');
}

function total(handles: readonly FakeHandle[]): number {
  return handles.reduce((sum, handle) => sum + handle.weight, 0);
}

describe('roundrobin: order', () => {
  it('gives a a b a c a a for the weights 5, 1, 1', () => {
    assert.equal(picksOf(fixed.build(nodesOf(5, 1, 1), null), 14), 'a a b a c a a a a b a c a a');
  });

  it('takes nodes of one weight in turn', () => {
    assert.equal(picksOf(fixed.build(nodesOf(3, 3, 3), null), 7), 'a b c a b c a');
  });

  it('picks the only node every time, and nothing of nothing', () => {
    assert.equal(picksOf(fixed.build(nodesOf(7), null), 3), 'a a a');
    assert.equal(picksOf(fixed.build([], null), 2), '- -');
  });

  it('follows nginx for every small set', () => {
    fc.assert(
      fc.property(weightsOf(2, SCAN_LIMIT), (weights) => {
        const handles = nodesOf(...weights);
        const count = 2 * total(handles);
        assert.equal(picksOf(fixed.build(handles, null), count), nginxSequence(handles, count));
      }),
      { numRuns: 60 },
    );
  });
});

describe('roundrobin: shares', () => {
  it('are exact over every full round, at any size, wherever the round begins', () => {
    fc.assert(
      fc.property(weightsOf(1, 120), fc.nat(), fc.nat(500), (weights, seed, before) => {
        const handles = nodesOf(...weights);
        const picker = createRoundRobin(seededRandom(seed)).build(handles, null);
        picksOf(picker, before);
        const shares = sharesOf(picker, total(handles));
        for (const handle of handles) assert.equal(shares.get(handle), handle.weight, handle.node.host);
      }),
      { numRuns: 100 },
    );
  });

  it('are spread evenly over the round in a large set: no node waits for more than two of its turns', () => {
    const handles = nodesOf(100, ...Array.from({ length: 500 }, () => 1));
    const picker = fixed.build(handles, null);
    let gap = 0;
    for (let pick = 0; pick < 1200; pick++) {
      gap = picker.pick(contextOf()) === handles[0] ? 0 : gap + 1;
      assert.ok(gap <= 12, `the node that has a sixth of the weight waited for ${gap} picks`);
    }
  });

  it('hold for fractional weights', () => {
    for (const size of [2, SCAN_LIMIT + 2]) {
      const handles = nodesOf(...Array.from({ length: size }, (_, index) => (index === 0 ? 0.5 : 1)));
      const shares = sharesOf(fixed.build(handles, null), 2 * (size - 1) + 1);
      assert.equal(shares.get(handles[0]!), 1);
    }
  });
});

describe('roundrobin: start', () => {
  for (const [kind, weights] of [
    ['equal weights', [1, 1, 1]],
    ['unequal weights', [3, 2, 2]],
    ['a large set', Array.from({ length: SCAN_LIMIT + 1 }, (_, index) => 2 + (index % 2))],
  ] as const) {
    it(`is random for ${kind}`, () => {
      const handles = nodesOf(...weights);
      const firsts = new Set<string>();
      for (let seed = 0; seed < 40 * weights.length; seed++) {
        firsts.add(picksOf(createRoundRobin(seededRandom(seed)).build(handles, null), 1));
      }
      assert.ok(firsts.size > handles.length * 0.8, `only ${firsts.size} of ${handles.length} nodes came first`);
    });
  }
});

describe('roundrobin: rebuild', () => {
  it('goes on where it was when nothing changed', () => {
    for (const weights of [[1, 1, 1, 1], [5, 1, 1], Array.from({ length: 60 }, (_, index) => 1 + (index % 3))]) {
      const handles = nodesOf(...weights);
      const straight = fixed.build(handles, null);
      const expected = picksOf(straight, 300);
      let picker = fixed.build(handles, null);
      const seen: string[] = [];
      for (let pick = 0; pick < 300; pick++) {
        seen.push(picksOf(picker, 1));
        if (weights.length < 60) picker = fixed.build(handles, picker);
      }
      assert.equal(seen.join(' '), expected);
    }
  });

  it('keeps the turn of those that stay when one leaves', () => {
    const [a, b, c, d] = nodesOf(1, 1, 1, 1) as [FakeHandle, FakeHandle, FakeHandle, FakeHandle];
    const picker = fixed.build([a, b, c, d], null);
    assert.equal(picksOf(picker, 2), 'a b');
    assert.equal(picksOf(fixed.build([b, c, d], picker), 6), 'c d b c d b');
  });

  it('does not depend on the order in which the registry lists the nodes', () => {
    const [a, b, c, d] = nodesOf(1, 1, 1, 1) as [FakeHandle, FakeHandle, FakeHandle, FakeHandle];
    const picker = fixed.build([a, b, c, d], null);
    assert.equal(picksOf(picker, 3), 'a b c');
    assert.equal(picksOf(fixed.build([d, b, a, c], picker), 5), 'd a b c d');
  });

  it('puts a newcomer in the middle: neither first nor last', () => {
    const [a, b, c, d] = nodesOf(1, 1, 1, 1) as [FakeHandle, FakeHandle, FakeHandle, FakeHandle];
    const picker = fixed.build([a, b, c, d].slice(0, 3), null);
    assert.equal(picksOf(picker, 1), 'a');
    assert.equal(picksOf(fixed.build([d, a, b, c], picker), 5), 'b c d a b');
  });

  it('starts afresh when no node stayed', () => {
    const picker = fixed.build(nodesOf(1, 1), null);
    picksOf(picker, 1);
    assert.equal(picksOf(fixed.build(nodesOf(2, 2, 2), picker), 3), 'a b c');
  });

  it('survives an empty set in between', () => {
    const handles = nodesOf(1, 2);
    const empty = fixed.build([], fixed.build(handles, null));
    assert.equal(picksOf(empty, 1), '-');
    assert.equal(picksOf(fixed.build(handles, empty), 3), picksOf(fixed.build(handles, null), 3));
  });

  it('does not hold on to the pickers before it', () => {
    const handles = nodesOf(2, 1);
    let picker = fixed.build(handles, null);
    const first = new WeakRef(picker);
    for (let round = 0; round < 3; round++) picker = fixed.build(handles, picker);
    const held = Object.values(picker).includes(first.deref());
    assert.equal(held, false);
  });
});

/** What one node has had since it joined, against what it was due. */
interface Account {
  due: number;
  had: number;
  rebuilds: number;
  waited: number;
}

describe('roundrobin: membership that changes all the time', () => {
  const change = fc.record({
    picks: fc.integer({ min: 0, max: 12 }),
    members: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
  });

  for (const [kind, weightOf] of [
    ['equal weights', () => 2],
    ['unequal weights, small', (index: number) => 1 + (index % 4)],
    ['unequal weights, large', (index: number) => 1 + (index % 7)],
  ] as const) {
    const size = kind.endsWith('large') ? 60 : 9;
    it(`bounds the error of those that stay and starves nobody: ${kind}`, () => {
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 60 }), fc.nat(), (changes, seed) => {
          const pool = nodesOf(...Array.from({ length: size }, (_, index) => weightOf(index)));
          checkAccounts(pool, changes, seed);
        }),
        { numRuns: 60 },
      );
    });
  }

  function checkAccounts(
    pool: readonly FakeHandle[],
    changes: readonly { picks: number; members: boolean[] }[],
    seed: number,
  ): void {
    const balancer = createRoundRobin(seededRandom(seed));
    const accounts = new Map<NodeHandle, Account>();
    let picker = balancer.build(pool, null);
    for (const { picks, members } of changes) {
      // The first node always stays.
      const ready = pool.filter((_, index) => index === 0 || members[index]);
      picker = balancer.build(ready, picker);
      for (const handle of accounts.keys()) if (!ready.includes(handle as FakeHandle)) accounts.delete(handle);
      for (const handle of ready) {
        const account = accounts.get(handle) ?? { due: 0, had: 0, rebuilds: 0, waited: 0 };
        account.rebuilds += 1;
        accounts.set(handle, account);
      }
      for (let pick = 0; pick < picks; pick++) {
        const picked = picker.pick(contextOf())!;
        for (const [handle, account] of accounts) {
          account.due += handle.weight / total(ready);
          account.waited = handle === picked ? 0 : account.waited + handle.weight / total(ready);
          if (handle === picked) account.had += 1;
          const error = account.due - account.had;
          assert.ok(Math.abs(error) <= 2 + account.rebuilds, `${handle.node.host} is off by ${error}`);
          assert.ok(account.waited <= 4, `${handle.node.host} waited for ${account.waited} of its turns`);
        }
      }
    }
  }

  it('serves the node that stays while all others flap after every pick', () => {
    for (const size of [3, 20, 80]) {
      for (const heavy of [1, 50]) {
        const handles = nodesOf(1, ...Array.from({ length: size }, () => heavy));
        const [stays, ...others] = handles as [FakeHandle, ...FakeHandle[]];
        let picker = fixed.build(handles, null);
        let had = 0;
        const picks = 40 * total(handles);
        for (let pick = 0; pick < picks; pick++) {
          const parity = pick % 2;
          picker = fixed.build([stays, ...others.filter((_, index) => index % 2 === parity)], picker);
          if (picker.pick(contextOf()) === stays) had += 1;
        }
        assert.ok(had >= 20, `${size} others of weight ${heavy}: picked ${had} times in 40 rounds`);
      }
    }
  });
});

describe('roundrobin: nodes that were tried', () => {
  it('are never picked; null only when all were', () => {
    fc.assert(
      fc.property(weightsOf(1, 70), fc.array(fc.nat(69), { maxLength: 6 }), fc.nat(50), (weights, indices, before) => {
        const handles = nodesOf(...weights);
        const picker = fixed.build(handles, null);
        picksOf(picker, before);
        picksUntried(picker, handles, indices);
      }),
      { numRuns: 200 },
    );
  });

  it('that are not in the set any more change nothing', () => {
    const strangers = nodesOf(1, 1);
    assert.equal(picksOf(fixed.build(nodesOf(5, 1, 1), null), 7, strangers), 'a a b a c a a');
  });

  it('keep their turn', () => {
    const [a, b, c] = nodesOf(1, 1, 1) as [FakeHandle, FakeHandle, FakeHandle];
    const picker = fixed.build([a, b, c], null);
    assert.equal(picksOf(picker, 1, [a]), 'b');
    assert.equal(picksOf(picker, 5), 'a c b a c');
  });

  it('gives the earliest of the others in a large set, however many were tried', () => {
    const handles = nodesOf(...Array.from({ length: 100 }, (_, index) => 1 + (index % 5)));
    for (let seed = 0; seed < 30; seed++) {
      const order = createRoundRobin(seededRandom(seed)).build(handles, null);
      const firsts: NodeHandle[] = [];
      while (firsts.length < 6) {
        const handle = order.pick(contextOf())!;
        if (!firsts.includes(handle)) firsts.push(handle);
      }
      for (let count = 0; count < 6; count++) {
        const picker = createRoundRobin(seededRandom(seed)).build(handles, null);
        assert.equal(picker.pick(contextOf(firsts.slice(0, count))), firsts[count]);
      }
    }
    const all = fixed.build(handles, null);
    assert.equal(all.pick(contextOf(handles)), null);
    assert.equal(all.pick(contextOf(handles.slice(1))), handles[0]);
  });
});
