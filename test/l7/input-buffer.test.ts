import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { InputBuffer } from '../../src/l7/input-buffer.ts';

describe('InputBuffer', () => {
  it('refers to a read that comes alone, without copying it', () => {
    const input = new InputBuffer();
    const chunk = Buffer.from('hello');
    input.append(chunk);
    assert.equal(input.bytes, chunk);
  });

  it('gives back what was put in, in order, whatever the sizes', () => {
    const random = seededRandom(3);
    const input = new InputBuffer();
    let put = '';
    let got = '';
    for (let step = 0; step < 5000; step++) {
      const text = String.fromCharCode(97 + (step % 26)).repeat(random.below(40));
      put += text;
      if (random.next() < 0.5) input.append(Buffer.from(text));
      else input.appendCopy(Buffer.from(`..${text}..`), 2, 2 + text.length);
      const count = random.below(input.length + 1);
      got += input.bytes.toString('latin1', input.start, input.start + count);
      input.consume(count);
      assert.equal(input.length, put.length - got.length);
    }
    assert.equal(got + input.bytes.toString('latin1', input.start, input.end), put);
  });

  it('never writes to memory of bytes that were consumed: a write may still refer to them', () => {
    const input = new InputBuffer();
    input.append(Buffer.from('abc'));
    input.append(Buffer.from('def'));
    const lent = input.bytes.subarray(input.start, input.start + 5);
    input.consume(5);
    input.append(Buffer.from('ghi'.repeat(1000)));
    input.consume(input.length);
    input.append(Buffer.from('jkl'));
    assert.equal(String(lent), 'abcde');
  });

  it('takes back what was consumed', () => {
    const input = new InputBuffer();
    input.append(Buffer.from('abcdef'));
    const { bytes, start, end } = input;
    input.consume(6);
    input.restore(bytes, start, end);
    assert.equal(input.bytes.toString('latin1', input.start, input.end), 'abcdef');
    input.append(Buffer.from('g'));
    assert.equal(input.bytes.toString('latin1', input.start, input.end), 'abcdefg');
  });
});
