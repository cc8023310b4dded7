import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashText } from '../../src/balancers/hash.ts';
import { subsetOf } from '../../src/control/deterministic-subset.ts';
import type { Node } from '../../src/discovery/types.ts';

function nodes(count: number): Node[] {
  return Array.from({ length: count }, (_, index) => {
    const host = `10.0.${index >> 8}.${index & 255}`;
    return { host, port: 80, weight: 1, priority: 0, metadata: {}, tags: [] };
  });
}

describe('deterministic subset', () => {
  it('is of the size asked for, in the order given, and the same each time', () => {
    const all = nodes(500);
    const subset = subsetOf(all, { size: 20, seed: 7 });
    assert.equal(subset.length, 20);
    assert.deepEqual(
      subset,
      all.filter((node) => subset.includes(node)),
    );
    assert.deepEqual(subsetOf(all.toReversed(), { size: 20, seed: 7 }).toReversed(), subset);
  });

  it('is everything when there is no more, or nothing is asked', () => {
    const all = nodes(20);
    assert.equal(subsetOf(all, { size: 20, seed: 7 }), all);
    assert.equal(subsetOf(all, null), all);
  });

  it('changes in one place when a node leaves', () => {
    const all = nodes(500);
    const before = subsetOf(all, { size: 20, seed: 7 });
    const gone = before[3]!;
    const after = subsetOf(
      all.filter((node) => node !== gone),
      { size: 20, seed: 7 },
    );
    assert.equal(after.filter((node) => !before.includes(node)).length, 1);
    const other = all.find((node) => !before.includes(node))!;
    assert.deepEqual(
      subsetOf(
        all.filter((node) => node !== other),
        { size: 20, seed: 7 },
      ),
      before,
    );
  });

  it('spreads gateways over the nodes', () => {
    const all = nodes(100);
    const used = new Map<Node, number>();
    for (let gateway = 0; gateway < 500; gateway++) {
      for (const node of subsetOf(all, { size: 20, seed: hashText(`gateway-${gateway}`) })) {
        used.set(node, (used.get(node) ?? 0) + 1);
      }
    }
    const counts = all.map((node) => used.get(node) ?? 0);
    assert.ok(Math.min(...counts) > 60 && Math.max(...counts) < 140, `around 100: ${counts}`);
  });

  it('keeps nodes of weight 0 besides', () => {
    const all = nodes(100).map((node, index) => (index === 5 ? { ...node, weight: 0 } : node));
    const subset = subsetOf(all, { size: 20, seed: 7 });
    assert.equal(subset.length, 21);
    assert.ok(subset.includes(all[5]!));
  });
});
