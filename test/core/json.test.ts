import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sameData } from '../../src/core/json.ts';

describe('sameData', () => {
  it('holds for a copy, in whatever order its keys are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON has no -0.
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        assert.ok(sameData(plain, reversed(structuredClone(plain))));
      }),
    );
  });

  it('agrees with deep equality', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
        const plain = [a, b].map((value) => JSON.parse(JSON.stringify(value)) as unknown);
        let equal = true;
        try {
          assert.deepStrictEqual(plain[0], plain[1]);
        } catch {
          equal = false;
        }
        assert.equal(sameData(plain[0], plain[1]), equal);
      }),
      { numRuns: 500 },
    );
  });

  for (const [a, b] of [
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [{ 0: 1 }, [1]],
    [{ a: undefined }, { b: undefined }],
    [{ a: 1 }, { a: 1, b: undefined }],
    [null, {}],
    [0, false],
    ['1', 1],
    [{ toString: 1 }, {}],
    [{ a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 2 }] } }],
  ]) {
    it(`tells ${JSON.stringify(a)} from ${JSON.stringify(b)}`, () => {
      assert.equal(sameData(a, b), false);
      assert.equal(sameData(b, a), false);
    });
  }
});

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
}
