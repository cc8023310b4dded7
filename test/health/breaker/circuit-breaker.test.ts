import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CircuitBreaker } from '../../../src/health/breaker/circuit-breaker.ts';
import type { BreakerChange, BreakerPlan } from '../../../src/health/breaker/types.ts';

const PLAN: BreakerPlan = {
  failureRatio: 0.5,
  slowRatio: null,
  minRequests: 20,
  windowMs: 10_000,
  openMs: 5000,
  maxOpenMs: 15_000,
  trials: 5,
};

function setup(plan: Partial<BreakerPlan> = {}) {
  const breaker = new CircuitBreaker({ ...PLAN, ...plan });
  const totals = { total: 0, failed: 0, slow: 0 };
  let now = 0;
  /** A second passes, with these uses. */
  const second = (total = 0, failed = 0, slow = 0): BreakerChange | null => {
    now += 1000;
    totals.total += total;
    totals.failed += failed;
    totals.slow += slow;
    return breaker.tick(now, { ...totals });
  };
  const seconds = (count: number) => Array.from({ length: count }, () => second()).filter((change) => change !== null);
  second();
  return { breaker, second, seconds };
}

describe('circuit breaker', () => {
  it('opens at the ratio, with enough requests in the window', () => {
    const { second } = setup();
    assert.equal(second(19, 19), null);
    assert.deepEqual(second(1, 0), { state: 'open', reason: '19 of 20 failed', forMs: 5000 });
    assert.equal(setup().second(100, 49), null);
  });

  it('opens for slow answers when asked to', () => {
    assert.equal(setup().second(100, 0, 100), null);
    assert.deepEqual(setup({ slowRatio: 0.8, failureRatio: null }).second(100, 100, 80), {
      state: 'open',
      reason: '80 of 100 were slow',
      forMs: 5000,
    });
  });

  it('forgets what is older than the window', () => {
    const { second, seconds } = setup();
    second(15, 15);
    seconds(10);
    assert.equal(second(15, 15), null);
  });

  it('lets trials through after its time, and closes when they go well', () => {
    const { breaker, second, seconds } = setup();
    second(20, 20);
    assert.deepEqual(
      seconds(5).map(({ state }) => state),
      ['half-open'],
    );
    assert.equal(second(4, 0), null, 'not all trials are over');
    assert.deepEqual(second(1, 1), { state: 'closed', reason: '5 trials went well', forMs: 0 });
    assert.equal(breaker.state, 'closed');
    assert.equal(second(19, 19), null, 'it begins with an empty window');
  });

  it('opens again for twice as long when they do not, up to the bound', () => {
    const { second, seconds } = setup();
    const opened = [second(20, 20)?.forMs];
    for (let round = 0; round < 3; round++) {
      seconds(opened.at(-1)! / 1000);
      opened.push(second(5, 3)?.forMs);
    }
    assert.deepEqual(opened, [5000, 10_000, 15_000, 15_000]);
    seconds(15);
    assert.equal(second(5, 0)?.state, 'closed');
    second();
    assert.equal(second(20, 20)?.forMs, 5000, 'the time is short again');
  });

  it('gives trials out again that came to nothing, and judges by fewer when no more come', () => {
    const { second, seconds } = setup();
    second(20, 20);
    seconds(5);
    assert.deepEqual(
      seconds(5).map(({ reason }) => reason),
      ['the trials came to nothing'],
    );
    second(2, 0);
    assert.deepEqual(
      seconds(4).map(({ state }) => state),
      ['closed'],
    );
  });
});
