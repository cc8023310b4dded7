import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SlotAllocator } from '../../src/control/slots.ts';

describe('SlotAllocator', () => {
  it('keeps the row of a name for as long as it is in use', () => {
    const slots = new SlotAllocator(4, 'late');
    assert.deepEqual(slots.acquire('a'), { slot: 0, blank: true });
    assert.deepEqual(slots.acquire('b'), { slot: 1, blank: true });
    assert.deepEqual(slots.acquire('a'), { slot: 0, blank: false });
    assert.equal(slots.get('b'), 1);
    assert.equal(slots.size, 2);
  });

  it('late: a name that comes back finds its row, and others get it only when no fresh one is left', () => {
    const slots = new SlotAllocator(3, 'late');
    for (const name of ['a', 'b', 'c']) slots.acquire(name);
    slots.release('b');
    assert.deepEqual(slots.acquire('b'), { slot: 1, blank: false });
    slots.release('c');
    slots.release('a');
    assert.deepEqual(slots.acquire('d'), { slot: 2, blank: true }, 'the row that was free for the longest');
    assert.deepEqual(slots.acquire('e'), { slot: 0, blank: true });
    assert.equal(slots.acquire('f'), null);
  });

  it('soon: the row that was given back is the next to be given out, and always blank', () => {
    const slots = new SlotAllocator(8, 'soon');
    slots.acquire('a');
    slots.release('a');
    assert.deepEqual(slots.acquire('a'), { slot: 0, blank: true });
    slots.release('a');
    assert.deepEqual(slots.acquire('b'), { slot: 0, blank: true });
  });

  it('ignores the release of a name that has no row', () => {
    const slots = new SlotAllocator(1, 'soon');
    slots.release('nobody');
    assert.deepEqual(slots.acquire('a'), { slot: 0, blank: true });
    assert.equal(slots.acquire('b'), null);
  });

  it('never gives one row to two names', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const steps = fc.array(fc.tuple(fc.boolean(), names), { maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom('late' as const, 'soon' as const), steps, (reuse, sequence) => {
        const slots = new SlotAllocator(4, reuse);
        for (const [take, name] of sequence) {
          if (take) slots.acquire(name);
          else slots.release(name);
          const rows = [...slots.entries()].map(([, slot]) => slot);
          assert.equal(new Set(rows).size, rows.length);
          assert.ok(rows.every((slot) => slot >= 0 && slot < 4));
        }
      }),
    );
  });
});
