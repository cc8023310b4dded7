import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jittered, seededRandom, systemRandom } from '../../src/core/random.ts';

describe('random', () => {
  it('repeats itself for one seed and differs for another', () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    assert.deepEqual(draw(42), draw(42));
    assert.notDeepEqual(draw(42), draw(43));
  });

  it('gives the published first values of mulberry32', () => {
    const random = seededRandom(1);
    assert.deepEqual(
      Array.from({ length: 3 }, () => Math.floor(random.next() * 2 ** 32)),
      [2693262067, 11749833, 2265367787],
    );
  });

  for (const [name, random] of [
    ['seeded', seededRandom(5)],
    ['system', systemRandom],
  ] as const) {
    it(`is uniform: ${name}`, () => {
      const counts = new Array<number>(7).fill(0);
      for (let draw = 0; draw < 70_000; draw++) counts[random.below(7)]! += 1;
      for (const count of counts) assert.ok(count > 9300 && count < 10_700, String(counts));
      for (let draw = 0; draw < 1000; draw++) {
        const value = random.next();
        assert.ok(value >= 0 && value < 1);
      }
    });
  }

  it('moves a value by no more than its jitter', () => {
    const random = seededRandom(9);
    const values = Array.from({ length: 5000 }, () => jittered(random, 1000, 0.2));
    assert.ok(Math.min(...values) >= 800 && Math.min(...values) < 810);
    assert.ok(Math.max(...values) <= 1200 && Math.max(...values) > 1190);
  });
});
