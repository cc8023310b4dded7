import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasRoom } from '../../src/l4/udp-send.ts';

test('a socket takes datagrams until a mebibyte waits in it', () => {
  const queue = (bytes: number) => ({ getSendQueueSize: () => bytes });
  assert.equal(hasRoom(queue(0)), true);
  assert.equal(hasRoom(queue(1024 * 1024 - 1)), true);
  assert.equal(hasRoom(queue(1024 * 1024)), false);
});
