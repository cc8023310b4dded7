import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Pattern } from '../../src/core/pattern.ts';

describe('pattern', () => {
  for (const [pattern, matching, others] of [
    ['ok', ['ok', 'it is ok.', 'oook'], ['', 'o k', 'OK']],
    ['', ['', 'anything'], []],
    ['^ok$', ['ok'], ['ok\n', ' ok', 'okay']],
    ['^$', [''], ['a']],
    ['$^', [''], ['a']],
    ['a.c', ['abc', 'aéc', 'a😀c'], ['ac', 'a\nc', 'abbc']],
    ['"status" *: *"UP"', ['{"status":"UP"}', '{ "status" : "UP" }'], ['{"status":"DOWN","db":"UP"}']],
    ['{"a":1}', ['{"a":1}'], ['"a":1']],
    ['a{,}', ['a{,}'], ['a']],
    ['\\d\\d:\\d\\d', ['at 12:30'], ['at 12:3x']],
    ['(?:green|yellow)$', ['is green', 'yellow'], ['green!', 'red']],
    ['a(b|c(d|e)?)*f', ['af', 'abcdcef', 'abf'], ['abdf']],
    ['x+y?', ['xxx', 'xy'], ['y']],
    ['[a-c_-]+!', ['a-_b!'], ['d!', '!']],
    ['[^"\\s]z', ['az', 'éz'], ['"z', ' z', 'z']],
    ['[]x]y', [']y', 'xy'], ['ay']],
    ['\\w\\W\\S\\D', ['a.bc', 'a é!'], ['ab c']],
    ['1\\.5\\n\\t\\\\', ['1.5\n\t\\'], ['1x5\n\t\\']],
    ['état 😀', ['un état 😀'], ['etat 😀']],
    ['(a*)*b', ['b', 'aaab'], ['aaa']],
    ['(a|b*)+c$', ['abbac', 'c'], ['abd']],
    ['a*?b', ['aab'], ['aa']],
  ] as const) {
    it(`${JSON.stringify(pattern)} matches what it says and nothing else`, () => {
      const compiled = new Pattern(pattern);
      for (const text of matching) assert.ok(compiled.test(text), JSON.stringify(text));
      for (const text of others) assert.ok(!compiled.test(text), JSON.stringify(text));
    });
  }

  for (const [pattern, complaint] of [
    ['(a', /"\(" without a "\)"/],
    ['a)', /"\)" without a "\("/],
    ['[a', /ends too early/],
    ['a\\', /ends too early/],
    ['*a', /"\*" with nothing before it/],
    ['a|+', /"\+" with nothing before it/],
    ['a{3}', /counts such as \{3\} are not supported/],
    ['a{2,}', /counts/],
    ['(?=a)', /"\(\?" are not supported/],
    ['\\bword', /"\\b" is not supported/],
    ['(a)\\1', /"\\1" is not supported/],
    ['[z-a]', /range that ends before it begins/],
    ['[é]', /only ASCII/],
    ['a'.repeat(1025), /more than 1024 characters/],
  ] as const) {
    it(`refuses ${JSON.stringify(pattern.slice(0, 10))}`, () => {
      assert.throws(() => new Pattern(pattern), { name: 'TypeError', message: complaint });
    });
  }

  it('finds the same as the engine of JavaScript, however the text is cut', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '^', '$', '1');
    const { pattern: patterns } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, two]) => one + two),
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, two]) => `(${one}|${two})`),
        fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?')).map(([one, sign]) => `(${one})${sign}`),
      ),
    }));
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '\n'), maxLength: 12 });
    fc.assert(
      fc.property(patterns, texts, fc.nat(12), (pattern, text, cut) => {
        const expected = new RegExp(pattern).test(text);
        const search = new Pattern(pattern).search();
        const bytes = Buffer.from(text);
        const found = search.feed(bytes.subarray(0, cut)) || search.feed(bytes.subarray(cut)) || search.finish();
        assert.equal(found, expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes as many steps for a hostile pattern as the text is long', () => {
    // The engine of JavaScript would not come to an end here.
    assert.equal(new Pattern('^(a+)+$').test(`${'a'.repeat(20_000)}!`), false);
    assert.equal(new Pattern('(a|aa)*c').test('a'.repeat(20_000)), false);
  });
});
