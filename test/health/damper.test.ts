import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Damper } from '../../src/health/damper.ts';

const rules = { holdMs: 10, maxMs: 100 };

/** How long the node is held at each of these falls. */
function holds(falls: readonly number[]): number[] {
  const damper = new Damper();
  return falls.map((at) => {
    damper.fell(at, rules);
    return Math.max(0, damper.heldUntil - at);
  });
}

describe('flap damping', () => {
  it('lets the first fall go, then holds for twice as long each time, up to a limit', () => {
    assert.deepEqual(holds([1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007]), [0, 10, 20, 40, 80, 100, 100, 100]);
  });

  it('forgets one fall for each time without any', () => {
    assert.deepEqual(holds([1000, 1001, 1002, 1102, 1103]), [0, 10, 20, 20, 40]);
    assert.deepEqual(holds([1000, 1001, 1002, 1302]), [0, 10, 20, 0]);
    assert.deepEqual(holds([1000, 1001, 1_000_000, 1_000_001]), [0, 10, 0, 10]);
  });

  it('knows a first fall however early it comes', () => {
    assert.deepEqual(holds([0, 1]), [0, 10]);
  });
});
