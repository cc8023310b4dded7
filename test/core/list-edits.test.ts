import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { applyEdits, editsBetween } from '../../src/core/list-edits.ts';

const edits = (before: readonly number[], after: readonly number[]) =>
  editsBetween(before, after, (a, b) => a === b).map(({ at, remove, insert }) => [at, remove, ...insert]);

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

describe('editsBetween', () => {
  it('says nothing of lists that are the same', () => {
    assert.deepEqual(edits([], []), []);
    assert.deepEqual(edits([1, 2, 3], [1, 2, 3]), []);
  });

  it('names one place for what comes, goes or is replaced together', () => {
    assert.deepEqual(edits([1, 2, 3], [1, 2, 9, 3]), [[2, 0, 9]]);
    assert.deepEqual(edits([1, 2, 3], [1, 3]), [[1, 1]]);
    assert.deepEqual(edits([1, 2, 3], [1, 8, 9, 3]), [[1, 1, 8, 9]]);
    assert.deepEqual(edits([], [1, 2]), [[0, 0, 1, 2]]);
    assert.deepEqual(edits([1, 2], []), [[0, 2]]);
  });

  it('keeps what lies between scattered changes', () => {
    const before = range(10_000);
    const after = before.filter((value) => value !== 17).map((value) => (value % 2500 === 0 ? -value - 1 : value));
    assert.deepEqual(edits(before, after), [
      [0, 1, -1],
      [17, 1],
      [2500, 1, -2501],
      [5000, 1, -5001],
      [7500, 1, -7501],
    ]);
  });

  it('replaces what lies between the first and the last of very many differences', () => {
    const before = range(3000);
    const after = before.map((value) => (value > 0 && value < 2999 ? -value : value));
    const [edit, ...more] = editsBetween(before, after, (a, b) => a === b);
    assert.deepEqual([edit?.at, edit?.remove, edit?.insert.length, more.length], [1, 2998, 2998, 0]);
  });

  it('leads from any list to any other, by no more entries than there are', () => {
    const list = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 });
    fc.assert(
      fc.property(list, list, (before, after) => {
        const found = editsBetween(before, after, (a, b) => a === b);
        assert.deepEqual(applyEdits(before, found), after);
        const touched = found.reduce((sum, { remove, insert }) => sum + remove + insert.length, 0);
        assert.ok(touched <= before.length + after.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds a shortest way where entries are unique', () => {
    const list = fc
      .uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 40 })
      .map((some) => some.sort((a, b) => a - b));
    fc.assert(
      fc.property(list, list, (before, after) => {
        const found = editsBetween(before, after, (a, b) => a === b);
        const touched = found.reduce((sum, { remove, insert }) => sum + remove + insert.length, 0);
        const common = before.filter((value) => after.includes(value)).length;
        assert.equal(touched, before.length + after.length - 2 * common);
      }),
      { numRuns: 1000 },
    );
  });
});
