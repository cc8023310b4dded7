import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/registry/durations.ts';

test('durations are read as Go writes them', () => {
  const table: [string, number | null][] = [
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['.5s', 500],
    ['1h0m0s', 3_600_000],
    ['2000us', 2],
    ['0', 0],
    ['0s', 0],
    ['', null],
    ['10', null],
    ['s', null],
    ['10 s', null],
    ['-5s', null],
    ['1d', null],
    ['10sx', null],
    ['1'.repeat(60), null],
    [`${'9'.repeat(400)}s`, null],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, text);
});

test('durations are written as Go writes them', () => {
  assert.equal(formatDuration(90_000), '1m30s');
  assert.equal(formatDuration(10_000), '10s');
  assert.equal(formatDuration(3_600_000), '1h0m0s');
  assert.equal(formatDuration(1_500), '1.5s');
  assert.equal(formatDuration(250), '250ms');
  assert.equal(formatDuration(0), '0s');
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2_000_000_000 }), (ms) => {
      assert.equal(Math.round(parseDuration(formatDuration(ms)) ?? -1), ms);
    }),
  );
});
