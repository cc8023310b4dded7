import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from '../../src/core/backoff.ts';
import { seededRandom } from '../../src/core/random.ts';

const middle = { next: () => 0.5, below: () => 0 };

describe('backoff', () => {
  it('grows by its factor up to its maximum, and stays there', () => {
    const backoff = new Backoff(middle, 100, 1000, 2);
    assert.deepEqual(
      Array.from({ length: 6 }, () => backoff.next()),
      [100, 200, 400, 800, 1000, 1000],
    );
  });

  it('starts again after a success', () => {
    const backoff = new Backoff(middle, 100, 1000, 2);
    backoff.next();
    backoff.next();
    backoff.reset();
    assert.equal(backoff.next(), 100);
  });

  it('jitters each wait by a fifth, without letting the jitter add up', () => {
    const backoff = new Backoff(seededRandom(4), 1000, 1000);
    const waits = Array.from({ length: 2000 }, () => backoff.next());
    assert.ok(waits.every((wait) => wait >= 800 && wait <= 1200));
    assert.ok(Math.max(...waits) - Math.min(...waits) > 380);
  });
});
