import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { drawLatency, drawPause } from '../../src/simulation/latency.ts';
import { within } from './play.ts';

describe('latency model', () => {
  it('has the median and the 99th percentile that it is given', () => {
    for (const model of [
      { median: 10, p99: 40 },
      { median: 100, p99: 110 },
      { median: 1, p99: 500 },
    ]) {
      const random = seededRandom(7);
      const drawn = Array.from({ length: 100_000 }, () => drawLatency(model, random)).sort((a, b) => a - b);
      assert.ok(within(drawn[50_000]! / model.median, 0.95, 1.05), `median ${drawn[50_000]}`);
      assert.ok(within(drawn[99_000]! / model.p99, 0.9, 1.1), `p99 ${drawn[99_000]}`);
      assert.ok(drawn[0]! > 0 && Number.isFinite(drawn.at(-1)));
    }
  });

  it('is always the same when both are equal', () => {
    assert.equal(drawLatency({ median: 12, p99: 12 }, seededRandom(1)), 12);
  });
});

describe('pauses between requests', () => {
  it('are those of a Poisson process', () => {
    const random = seededRandom(3);
    const pauses = Array.from({ length: 100_000 }, () => drawPause(200, random));
    const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
    const longer = pauses.filter((pause) => pause > mean).length / pauses.length;
    assert.ok(within(mean, 4.9, 5.1), `mean ${mean} ms`);
    assert.ok(within(longer, 0.36, 0.375), `${longer} are longer than the mean, and 1/e should be`);
  });
});
