import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';

it('breaker cells: closed admits, open does not, half-open as often as it has trials, over all threads', () => {
  const memory = allocateBreakers(3);
  const [control, worker, other] = [1, 2, 3].map(() => new BreakerCells(memory)) as [
    BreakerCells,
    BreakerCells,
    BreakerCells,
  ];
  assert.equal(worker.admits(1), true);
  control.open(1);
  assert.deepEqual(
    [worker.admits(1), worker.wouldAdmit(1), worker.admits(0), worker.admits(2)],
    [false, false, true, true],
  );
  control.halfOpen(1, 3);
  assert.equal(worker.wouldAdmit(1), true);
  const admitted = [worker, other, worker, other, worker].map((cells) => cells.admits(1));
  assert.deepEqual(admitted, [true, true, true, false, false]);
  assert.equal(worker.wouldAdmit(1), false);
  control.close(1);
  assert.equal(other.admits(1), true);
});
