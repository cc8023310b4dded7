import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hashAddress, hashRange, hashText, mix32 } from '../../src/balancers/hash.ts';

describe('hash', () => {
  it('stays what it is', () => {
    // Fixed for good: another value would move the keys of every deployment.
    assert.deepEqual(
      ['', 'a', 'ab', 'abc', '10.0.0.1:80', 'é€😀'].map((text) => hashText(text)),
      [0, 1009084850, 3780547604, 1968171120, 2890738500, 3053091042],
    );
  });

  it('reads a range as it would a text of its own', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (before, text, after) => {
        const whole = before + text + after;
        assert.equal(hashRange(whole, before.length, before.length + text.length), hashText(text));
      }),
    );
  });

  it('changes half of its bits when one character changes', () => {
    let changed = 0;
    for (let key = 0; key < 2000; key++) {
      const difference = hashText(`user-${key}`) ^ hashText(`user-${key + 1}`);
      for (let bit = 0; bit < 32; bit++) changed += (difference >>> bit) & 1;
    }
    assert.ok(Math.abs(changed / 2000 - 16) < 0.5);
  });

  it('fills all buckets alike', () => {
    const buckets = new Array<number>(64).fill(0);
    for (let key = 0; key < 64_000; key++) buckets[hashText(`/items/${key}`) & 63]! += 1;
    for (const count of buckets) assert.ok(count > 850 && count < 1150, `${count} of 1000`);
  });

  it('makes another value of each seed', () => {
    const values = new Set(Array.from({ length: 1000 }, (_, seed) => hashText('a', seed)));
    assert.equal(values.size, 1000);
    assert.equal(new Set(Array.from({ length: 10_000 }, (_, value) => mix32(value))).size, 10_000);
  });

  it('knows an address in every spelling, and spreads neighbours', () => {
    assert.equal(hashAddress('2001:DB8:0::0:1'), hashAddress('2001:db8::1'));
    const buckets = new Set(Array.from({ length: 256 }, (_, index) => hashAddress(`10.0.0.${index}`) >>> 24));
    assert.ok(buckets.size > 128);
    assert.equal(hashAddress('::ffff:192.0.2.1'), hashAddress('192.0.2.1'));
    assert.equal(hashAddress('192.0.2.1'), hashText('192.0.2.1'));
    assert.notEqual(hashAddress('192.0.2.2'), hashAddress('192.0.2.1'));
  });
});
