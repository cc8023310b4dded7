import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { carryOver, type RoundRobinPicker } from '../../src/balancers/standing.ts';
import { nodesOf } from './fake-handle.ts';

const nodes = nodesOf(1, 1, 1, 1, 1, 1, 1, 1);

/** A round whose nodes are owed these values, the first node the first value. */
function roundOf(...owed: readonly number[]): RoundRobinPicker {
  return {
    pick: () => null,
    standing: (into) => {
      owed.forEach((value, index) => {
        into.set(nodes[index]!, value);
      });
    },
  };
}

const owedIn = (standing: ReturnType<typeof carryOver>) => [...standing!.owed.values()];

describe('standing carried over', () => {
  it('is nothing without a round before, or when no node stays', () => {
    assert.equal(carryOver(nodes, null), null);
    assert.equal(carryOver(nodes.slice(4), roundOf(0.5, -0.5)), null);
  });

  it('is moved back to a sum of zero when nodes only leave', () => {
    assert.deepEqual(owedIn(carryOver(nodes.slice(0, 2), roundOf(0.5, 0.25, -0.75))), [0.125, -0.125]);
  });

  it('is kept by those that stay when others join; the newcomers make up for it together', () => {
    const standing = carryOver(nodes.slice(0, 4), roundOf(0.75, 0.25));
    assert.deepEqual(owedIn(standing), [0.75, 0.25]);
    assert.equal(standing!.newcomer, -0.5);
  });

  it('stays within one pick for each node, whatever came before', () => {
    const value = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 8 }), (owed, size) => {
        const standing = carryOver(nodes.slice(0, size), roundOf(...owed))!;
        for (const each of [...standing.owed.values(), standing.newcomer]) assert.ok(Math.abs(each) <= 1);
        assert.equal(standing.owed.size, Math.min(size, owed.length));
      }),
    );
  });
});
