import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GradientLimit, type GradientPlan } from '../../../src/health/concurrency/gradient-limit.ts';

const PLAN: GradientPlan = { minLimit: 4, maxLimit: 200, tolerance: 1.5 };

/** A node that serves `capacity` at once in 10 ms each and lets more wait; always as much is asked of it as is allowed. */
function loaded(limit: GradientLimit, capacity: number, steps: number): number[] {
  const limits: number[] = [];
  for (let step = 0; step < steps; step++) {
    const inflight = Math.floor(limit.limit);
    const micros = 10_000 * Math.max(1, inflight / capacity);
    limits.push(limit.step(100, 100 * micros, inflight));
  }
  return limits;
}

describe('gradient limit', () => {
  it('grows while answers come in the usual time, up to its bound', () => {
    const limit = new GradientLimit(PLAN);
    const limits = loaded(limit, 1000, 200);
    assert.ok(limits.every((value, index) => index === 0 || value >= limits[index - 1]!));
    assert.equal(limits.at(-1), 200);
  });

  it('settles near what the node can do, with room for a short queue', () => {
    const settled = loaded(new GradientLimit(PLAN), 30, 60).slice(-10);
    assert.ok(
      settled.every((value) => value > 30 && value < 90),
      String(settled),
    );
  });

  it('shrinks when the node becomes slower, and recovers when it is well again', () => {
    const limit = new GradientLimit(PLAN);
    loaded(limit, 1000, 40);
    const before = limit.limit;
    for (let step = 0; step < 10; step++) limit.step(100, 100 * 100_000, limit.limit);
    assert.ok(limit.limit < before / 2, `${before} to ${limit.limit}`);
    assert.ok(limit.limit >= PLAN.minLimit);
    for (let step = 0; step < 60; step++) limit.step(100, 100 * 10_000, limit.limit);
    assert.ok(limit.limit > before / 2, String(limit.limit));
  });

  it('does not grow while it is not used, nor move by a handful of answers', () => {
    const limit = new GradientLimit(PLAN);
    const start = limit.limit;
    for (let step = 0; step < 100; step++) limit.step(100, 100 * 10_000, 2);
    assert.equal(limit.limit, start);
    limit.step(4, 4_000_000, 20);
    assert.equal(limit.limit, start);
  });
});
