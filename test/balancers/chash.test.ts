import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createConsistentHash, SCAN_LIMIT } from '../../src/balancers/chash.ts';
import { mix32 } from '../../src/balancers/hash.ts';
import type { NodeHandle, Picker } from '../../src/balancers/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { FakeHandle } from './fake-handle.ts';

const balancer = createConsistentHash(0);
/** Small, at the limits of each kind, and large. */
const SIZES = [2, 10, SCAN_LIMIT, SCAN_LIMIT + 1, 100, 256, 257, 1000];

function fleet(size: number, weightOf: (index: number) => number = () => 1): FakeHandle[] {
  return Array.from(
    { length: size },
    (_, index) => new FakeHandle(`10.0.${index >> 8}.${index & 255}`, weightOf(index)),
  );
}

function at(picker: Picker, key: number, tried: readonly NodeHandle[] = []): FakeHandle {
  return picker.pick({ hash: mix32(key), now: 0, tried }) as FakeHandle;
}

function owners(picker: Picker, keys: number): FakeHandle[] {
  return Array.from({ length: keys }, (_, key) => at(picker, key));
}

/** Most of what a node gets, relative to its fair share. */
function peakToMean(picked: readonly FakeHandle[], handles: readonly FakeHandle[]): { peak: number; least: number } {
  const counts = new Map<FakeHandle, number>();
  for (const handle of picked) counts.set(handle, (counts.get(handle) ?? 0) + 1);
  const total = handles.reduce((sum, handle) => sum + handle.weight, 0);
  const relative = handles.map((handle) => ((counts.get(handle) ?? 0) * total) / (picked.length * handle.weight));
  return { peak: Math.max(...relative), least: Math.min(...relative) };
}

function movedShare(before: readonly FakeHandle[], after: readonly FakeHandle[]): number {
  return before.filter((handle, key) => handle !== after[key]).length / before.length;
}

describe('chash: shares', () => {
  for (const size of [2, 10, SCAN_LIMIT, SCAN_LIMIT + 1, 100]) {
    it(`peak to mean is at most 1.05 over uniform keys: ${size} nodes`, () => {
      const handles = fleet(size);
      const { peak, least } = peakToMean(owners(balancer.build(handles, null), size * 8000), handles);
      assert.ok(peak <= 1.05, `the fullest node has ${peak}`);
      assert.ok(least >= 0.95, `the emptiest node has ${least}`);
    });
  }

  for (const size of [5, SCAN_LIMIT, 60]) {
    it(`follow the weights: ${size} nodes`, () => {
      const handles = fleet(size, (index) => [10, 20, 50, 100, 37.5][index % 5]!);
      const { peak, least } = peakToMean(owners(balancer.build(handles, null), size * 12_000), handles);
      assert.ok(peak <= 1.08 && least >= 0.92, `${least} to ${peak} of the fair share`);
    });
  }

  it('of a node with next to no weight are not nothing', () => {
    const handles = fleet(60, (index) => (index === 7 ? 1 : 1000));
    const light = owners(balancer.build(handles, null), 400_000).filter((handle) => handle === handles[7]).length;
    assert.ok(light > 1 && light < 20, `${light} of 400,000 keys instead of 7`);
  });
});

describe('chash: movement', () => {
  for (const size of SIZES) {
    it(`at most 1.15 / n of the keys move when a node leaves, and nearly none but its own: ${size} nodes`, () => {
      const handles = fleet(size);
      const picker = balancer.build(handles, null);
      const keys = Math.max(20_000, size * 400);
      const before = owners(picker, keys);
      const leaver = handles[size >> 1]!;
      const next = balancer.build(
        handles.filter((handle) => handle !== leaver),
        picker,
      );
      const after = owners(next, keys);
      const had = before.filter((handle) => handle === leaver).length;
      const moved = movedShare(before, after) * keys;
      assert.ok(moved <= 1.15 * had, `${moved} of ${keys} keys moved, ${had} had to`);
      const back = owners(balancer.build(handles, next), keys);
      assert.equal(movedShare(before, back), 0);
    });
  }

  it('a node that leaves a small set moves no key between two others', () => {
    const handles = fleet(20, (index) => 1 + (index % 3));
    const before = owners(balancer.build(handles, null), 20_000);
    const after = owners(balancer.build(handles.slice(1), null), 20_000);
    before.forEach((handle, key) => {
      if (handle !== handles[0]) assert.equal(after[key], handle);
    });
  });

  for (const size of [10, 50]) {
    it(`a slow start moves keys to the node that grows, and nearly no others: ${size} nodes`, () => {
      const handles = fleet(size);
      const grows = handles[3]! as { weight: number };
      let previous: Picker | null = null;
      let before: FakeHandle[] = [];
      for (const weight of [0.1, 0.15, 0.4, 0.7, 1]) {
        grows.weight = weight;
        previous = balancer.build(handles, previous);
        const after = owners(previous, 40_000);
        const moved = before.filter((handle, key) => handle !== after[key]);
        const elsewhere = before.filter((handle, key) => handle !== after[key] && after[key] !== handles[3]);
        assert.ok(elsewhere.length <= moved.length * 0.15, `${elsewhere.length} of ${moved.length} went elsewhere`);
        const share = after.filter((handle) => handle === handles[3]).length / 40_000;
        const wanted = weight / (size - 1 + weight);
        assert.ok(Math.abs(share - wanted) < wanted * 0.15 + 0.001, `${share} with weight ${weight}`);
        before = after;
      }
    });
  }

  it('a set that hovers about a limit keeps its places', () => {
    for (const limit of [SCAN_LIMIT, 256]) {
      const handles = fleet(limit + 1);
      const picker = balancer.build(handles, null);
      const smaller = balancer.build(handles.slice(1), picker);
      assert.ok(movedShare(owners(picker, 20_000), owners(smaller, 20_000)) < 1.2 / limit + 0.01);
      assert.equal(movedShare(owners(picker, 20_000), owners(balancer.build(handles, smaller), 20_000)), 0);
    }
  });

  it('a set that shrinks or grows a lot still picks', () => {
    const handles = fleet(3000);
    let picker: Picker | null = null;
    for (const size of [1, 3000, 40, 300, 20, 33, 2000, 1]) {
      picker = balancer.build(handles.slice(0, size), picker);
      assert.ok(handles.indexOf(at(picker, 7)) < size);
    }
  });
});

describe('chash: order', () => {
  it('does not depend on the order in which nodes are listed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SIZES), fc.nat(), (size, seed) => {
        const random = seededRandom(seed);
        const handles = fleet(size, (index) => 1 + (index % 4));
        const shuffled = handles
          .map((handle) => ({ handle, place: random.next() }))
          .sort((a, b) => a.place - b.place)
          .map(({ handle }) => handle);
        assert.equal(
          movedShare(owners(balancer.build(handles, null), 500), owners(balancer.build(shuffled, null), 500)),
          0,
        );
      }),
      { numRuns: 30 },
    );
  });

  it('goes by the metadata hash_key, where a node has it', () => {
    const named = (host: string, key: string): FakeHandle => {
      const handle = new FakeHandle(host);
      return Object.assign(handle, { node: { ...handle.node, metadata: { hash_key: key } } });
    };
    const pods = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((host, index) => named(host, `pod-${index}`));
    const moved = [pods[0]!, named('10.9.9.9', 'pod-1'), pods[2]!];
    const before = owners(balancer.build(pods, null), 1000).map((handle) => pods.indexOf(handle));
    assert.deepEqual(
      before,
      owners(balancer.build(moved, null), 1000).map((handle) => moved.indexOf(handle)),
    );
    const same = ['10.0.0.1', '10.0.0.2'].map((host) => named(host, 'both'));
    const { least } = peakToMean(owners(balancer.build(same, null), 20_000), same);
    assert.ok(least > 0.9, 'nodes with the same hash_key share');
    assert.equal(
      movedShare(owners(balancer.build(same, null), 99), owners(balancer.build([...same].reverse(), null), 99)),
      0,
    );
  });

  it('a retry goes where the key goes when the node has left', () => {
    for (const size of [5, 80]) {
      const handles = fleet(size);
      const picker = balancer.build(handles, null);
      let same = 0;
      for (let key = 0; key < 200; key++) {
        const first = at(picker, key);
        const without = balancer.build(
          handles.filter((handle) => handle !== first),
          picker,
        );
        if (at(picker, key, [first]) === at(without, key)) same += 1;
      }
      assert.ok(same >= (size === 5 ? 200 : 190), `${same} of 200`);
    }
  });

  it('tries every node once, and then has none', () => {
    for (const size of [1, 7, 70]) {
      const handles = fleet(size);
      const picker = createConsistentHash(1.25).build(handles, null);
      const tried: FakeHandle[] = [];
      for (let attempt = 0; attempt < size; attempt++) tried.push(at(picker, 3, tried));
      assert.equal(new Set(tried).size, size);
      assert.equal(at(picker, 3, tried), null);
    }
    assert.equal(at(balancer.build([], null), 1), null);
  });
});

describe('chash: bounded load', () => {
  it('never lets a node have more than c times its share under way', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 31 }),
        fc.constantFrom(1.05, 1.25, 2),
        fc.nat(),
        (weights, bound, seed) => {
          const random = seededRandom(seed);
          const handles = fleet(weights.length, (index) => weights[index]!);
          const weight = weights.reduce((sum, one) => sum + one, 0);
          const picker = createConsistentHash(bound).build(handles, null);
          const uses: FakeHandle[] = [];
          for (let step = 0; step < 400; step++) {
            if (uses.length > 0 && random.next() < 0.4) {
              uses.splice(random.below(uses.length), 1)[0]!.end();
              continue;
            }
            // A few keys are hot.
            const handle = at(picker, random.below(4));
            handle.begin();
            uses.push(handle);
            assert.ok(handle.load <= Math.ceil((bound * uses.length * handle.weight) / weight));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('holds nearly as well on a large set, where the sum is a few picks old', () => {
    const handles = fleet(300);
    const picker = createConsistentHash(1.25).build(handles, null);
    const random = seededRandom(1);
    const uses: FakeHandle[] = [];
    for (let step = 0; step < 20_000; step++) {
      if (uses.length > 0 && random.next() < 0.45) uses.splice(random.below(uses.length), 1)[0]!.end();
      const handle = at(picker, random.below(3));
      handle.begin();
      uses.push(handle);
      assert.ok(handle.load <= Math.ceil((1.25 * (uses.length + 20)) / 300));
    }
  });

  it('moves only what is too much, and to different nodes', () => {
    const handles = fleet(40);
    const picker = createConsistentHash(1.25).build(handles, null);
    const plain = owners(balancer.build(handles, null), 400);
    assert.deepEqual(owners(picker, 400), plain);
    const full = plain[0]!;
    full.load = 50;
    for (const handle of handles) if (handle !== full) handle.load = 1;
    const overflow = new Set<FakeHandle>();
    for (let key = 0; key < 2000; key++) {
      const handle = at(picker, key);
      if (at(balancer.build(handles, null), key) === full) overflow.add(handle);
      assert.notEqual(handle, full);
      if (key > 150) break;
    }
    assert.ok(overflow.size >= 2, 'one node takes all that is too much');
  });
});
