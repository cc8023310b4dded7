import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { adopted, canonical, countChanges, nodeRules, without } from '../../src/discovery/node-order.ts';
import type { Node } from '../../src/discovery/types.ts';
import { node } from '../support/nodes.ts';

const anyNode = fc
  .record({
    host: fc.integer({ min: 1, max: 4 }),
    port: fc.integer({ min: 1, max: 4 }),
    weight: fc.integer({ max: 2 }),
  })
  .map(({ host, port, weight }) => node(`10.0.0.${host}`, port, { weight }));
const anyList = fc.array(anyNode, { maxLength: 20 });
const anySet = anyList.map((list) => canonical(list, nodeRules));

const address = ({ host, port }: Node) => `${host}:${port}`;

describe('canonical sets', () => {
  it('are in order, with the first of several descriptions of a node', () => {
    fc.assert(
      fc.property(anyList, (list) => {
        const first = new Map(list.toReversed().map((each) => [address(each), each]));
        const expected = [...first.values()].sort((a, b) => (address(a) < address(b) ? -1 : 1));
        assert.deepEqual(canonical(list, nodeRules), expected);
        assert.deepEqual(canonical(expected, nodeRules), expected);
      }),
    );
  });

  it('are never the list that was given, which its owner may change', () => {
    const list = [node('10.0.0.1'), node('10.0.0.2')];
    assert.notEqual(canonical(list, nodeRules), list);
  });

  it('take over the objects of an earlier set for what is as it was, and for nothing else', () => {
    fc.assert(
      fc.property(anySet, anySet, (later, earlier) => {
        const copy = structuredClone(later);
        const result = adopted(copy, earlier, nodeRules);
        assert.deepEqual(result, later);
        const known = new Map(earlier.map((each) => [address(each), each]));
        for (const each of result) {
          const before = known.get(address(each));
          assert.equal(each === before, before !== undefined && before.weight === each.weight);
        }
      }),
    );
    const earlier = [node('10.0.0.1'), node('10.0.0.2')];
    assert.equal(adopted(structuredClone(earlier), earlier, nodeRules), earlier);
  });

  it('are compared by their members', () => {
    fc.assert(
      fc.property(anySet, anySet, (before, after) => {
        const old = new Set(before.map(address));
        const added = after.filter((each) => !old.has(address(each)));
        assert.deepEqual(without(after, before, nodeRules), added);
        const removed = before.length - (after.length - added.length);
        assert.deepEqual(countChanges(before, after, nodeRules), { added: added.length, removed });
      }),
    );
  });
});
