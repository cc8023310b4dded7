import assert from 'node:assert/strict';
import { it } from 'node:test';
import { retryAfterMs } from '../../src/l7/retry-after.ts';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

it('Retry-After: seconds or a date; nothing for what can not be read or is over', () => {
  const read = (value: string) => retryAfterMs(`Server: x\r\nRetry-After:${value}\r\nX: y\r\n`, NOW);
  assert.equal(read(' 7'), 7000);
  assert.equal(read('120 '), 120_000);
  assert.equal(read(' Mon, 23 Nov 2026 12:00:30 GMT'), 30_000);
  assert.equal(read(' Mon, 23 Nov 2026 11:00:30 GMT'), 0);
  assert.deepEqual(
    ['', ' soon', ' -4', ' 1e9', ' 99999999999'].map(read).map((ms) => ms > 0),
    [false, false, false, false, false],
  );
  assert.equal(retryAfterMs('X-Retry-After: 5\r\n', NOW), 0);
  assert.equal(retryAfterMs('retry-after: 5\r\n', NOW), 5000);
});
