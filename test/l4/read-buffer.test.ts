import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ReadBuffer, ReadBufferPool } from '../../src/l4/read-buffer.ts';

const LARGE = 200 * 1024;
const idle = { writableLength: 0 } as Socket;
const busy = { writableLength: 1 } as Socket;

/** A reader that has had a large read, and the buffer of its own that it got for the next. */
function bulkReader(): { pool: ReadBufferPool; reader: ReadBuffer; own: Buffer } {
  const pool = new ReadBufferPool();
  const reader = new ReadBuffer(pool);
  reader.bytes(0, 64 * 1024);
  reader.wrote(idle);
  const own = reader.next();
  assert.notEqual(own, pool.shared);
  return { pool, reader, own };
}

test('quiet sockets share a buffer, and what they read is a copy', () => {
  const pool = new ReadBufferPool();
  const [one, two] = [new ReadBuffer(pool), new ReadBuffer(pool)];
  assert.equal(one.next(), pool.shared);
  assert.equal(two.next(), pool.shared);
  pool.shared.write('first');
  const read = one.bytes(0, 5);
  pool.shared.write('other');
  assert.equal(read.toString(), 'first');
});

test('a bulk read is written from where it lies, and its buffer is used again once the write is done', () => {
  const { pool, reader, own } = bulkReader();
  assert.equal(reader.bytes(0, LARGE).buffer, own.buffer);
  reader.wrote(idle);
  assert.equal(reader.next(), own);
  assert.equal(pool.lent, 1);
});

test('a small read ends the bulk transfer: the buffer goes back', () => {
  const { pool, reader } = bulkReader();
  reader.bytes(0, 10);
  reader.wrote(idle);
  assert.equal(reader.next(), pool.shared);
  assert.equal(pool.lent, 0);
});

test('a buffer that a write refers to is not read into until the write is done', () => {
  const { pool, reader, own } = bulkReader();
  const peer = { writableLength: 1 };
  reader.bytes(0, LARGE);
  reader.wrote(peer as Socket);
  const second = reader.next();
  assert.ok(second !== own && second !== pool.shared);
  reader.bytes(0, LARGE);
  reader.wrote(peer as Socket);
  assert.equal(reader.next(), pool.shared, 'with two waiting, the next read is copied');
  assert.equal(pool.lent, 2);
  peer.writableLength = 0;
  reader.bytes(0, LARGE);
  reader.wrote(peer as Socket);
  assert.equal(pool.lent, 0, 'both came back');
  assert.ok([own, second].includes(reader.next()), 'and are used again');
});

test('while a write waits, reads that fill little of a buffer are copied rather than keep it', () => {
  const { reader, own } = bulkReader();
  reader.bytes(0, LARGE);
  reader.wrote(busy);
  const second = reader.next();
  assert.notEqual(second.buffer, own.buffer);
  assert.notEqual(reader.bytes(0, 100 * 1024).buffer, second.buffer);
  reader.wrote(busy);
  assert.equal(reader.next(), second);
});

test('one read may be written in several parts', () => {
  const { pool, reader, own } = bulkReader();
  own.write('abcdef');
  const first = reader.bytes(0, LARGE);
  reader.wrote(busy);
  const rest = reader.bytes(3, LARGE + 3);
  assert.equal(rest.toString('latin1', 0, 3), 'def', 'still of what was read');
  reader.wrote(busy);
  assert.notEqual(reader.next(), own);
  assert.equal(first.buffer, own.buffer);
  assert.equal(pool.lent, 2);
});

for (const parts of ['before the next read', 'in the same read'] as const) {
  test(`a peer that is replaced ${parts} keeps what it still writes from`, () => {
    const { pool, reader, own } = bulkReader();
    reader.bytes(0, LARGE);
    reader.wrote(busy);
    if (parts === 'before the next read') reader.next();
    reader.bytes(0, LARGE);
    reader.wrote(idle);
    reader.next();
    reader.release();
    for (let count = 0; count < 20; count++) assert.notEqual(pool.take(), own);
    assert.equal(pool.lent, 20);
  });
}

test('a socket that closes gives back what no write refers to', () => {
  const { pool, reader, own } = bulkReader();
  reader.release();
  reader.release();
  assert.equal(pool.lent, 0);
  assert.equal(pool.take(), own);
  const closing = bulkReader();
  closing.reader.bytes(0, LARGE);
  closing.reader.wrote(busy);
  closing.reader.release();
  assert.equal(closing.pool.lent, 0);
  assert.notEqual(closing.pool.take(), closing.own);
});

test('the pool lends a bounded number of buffers; above it the shared one serves', () => {
  const pool = new ReadBufferPool();
  const taken = Array.from({ length: 200 }, () => pool.take());
  assert.equal(pool.lent, 128);
  assert.equal(taken[199], pool.shared);
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.lent, 0);
});
