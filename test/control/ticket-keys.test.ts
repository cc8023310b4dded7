import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TicketKeys } from '../../src/control/ticket-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('the key of session tickets is drawn at once and then every hour, until it is closed', async () => {
  const clock = new FakeClock();
  const keys: Uint8Array[] = [];
  const ticketKeys = new TicketKeys(clock, (key) => keys.push(key));
  assert.equal(keys.length, 1);
  clock.advance(3_599_000);
  assert.equal(keys.length, 1);
  clock.advance(2 * 3_600_000);
  assert.equal(keys.length, 3);
  assert.deepEqual(
    keys.map(({ length }) => length),
    [48, 48, 48],
  );
  assert.equal(new Set(keys.map(String)).size, 3);
  await ticketKeys.close();
  clock.advance(10 * 3_600_000);
  assert.equal(keys.length, 3);
});
