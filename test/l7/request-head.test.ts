import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Framing, RequestHead } from '../../src/l7/head.ts';
import { parseRequestHead } from '../../src/l7/request-head.ts';
import { REQUEST_ROWS, type RequestRow } from './request-rows.ts';

const LIMITS = { maxBytes: 16_384, maxFields: 100 };

/** The verdict on a text, in the words of the table. */
function verdictOf(taken: number, head: RequestHead): string {
  if (taken > 0) return 'accepted';
  return taken === 0 ? 'incomplete' : `${head.rejection?.status} ${head.rejection?.code}`;
}

function expectedOf(row: RequestRow): string {
  return typeof row[2] === 'string' ? row[2] : 'accepted';
}

function assertFacts(head: RequestHead, facts: RequestRow[2], name: string): void {
  if (typeof facts === 'string') return;
  for (const [key, value] of Object.entries(facts))
    assert.deepEqual(head[key as keyof RequestHead], value, `${name}: ${key}`);
}

describe('parseRequestHead', () => {
  it('judges each row of the table, in one piece', () => {
    assert.ok(REQUEST_ROWS.length >= 200);
    for (const row of REQUEST_ROWS) {
      const [name, raw, facts] = row;
      const bytes = Buffer.from(raw, 'latin1');
      const head = new RequestHead();
      const taken = parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
      assert.equal(verdictOf(taken, head), expectedOf(row), name);
      if (taken > 0) assert.equal(taken, raw.indexOf('\r\n\r\n') + 4, name);
      assertFacts(head, facts, name);
    }
  });

  it('gives the same verdict when the bytes arrive one by one', () => {
    for (const row of REQUEST_ROWS) {
      const [name, raw, facts] = row;
      const bytes = Buffer.from(raw, 'latin1');
      const head = new RequestHead();
      const step = bytes.length > 2000 ? 997 : 1;
      let taken = 0;
      for (let end = 0; taken === 0 && end < bytes.length; ) {
        end = Math.min(bytes.length, end + step);
        taken = parseRequestHead(bytes, 0, end, LIMITS, head);
        if (taken > 0) assert.equal(end === bytes.length || step > 1, true, `${name}: accepted before its end`);
      }
      assert.equal(verdictOf(taken, head), expectedOf(row), name);
      assertFacts(head, facts, name);
    }
  });

  it('reads only its range, with other requests before and behind it', () => {
    const other = 'POST /other HTTP/1.1\r\nHost: other\r\nContent-Length: 3\r\n\r\n';
    const head = new RequestHead();
    for (const row of REQUEST_ROWS) {
      const [name, raw, facts] = row;
      const bytes = Buffer.from(other + raw + other, 'latin1');
      const end = typeof facts === 'string' ? other.length + raw.length : bytes.length;
      const taken = parseRequestHead(bytes, other.length, end, LIMITS, head);
      assert.equal(verdictOf(taken, head), expectedOf(row), name);
      assertFacts(head, facts, name);
    }
  });

  it('leaves nothing of one head in the next', () => {
    const full =
      'GET /a?b HTTP/1.0\r\nHost: H:1\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\nTE: trailers\r\nX-Forwarded-For: 1\r\n' +
      'X-Forwarded-Proto: p\r\nX-Forwarded-Host: h\r\nX-Forwarded-Port: 2\r\nContent-Length: 4\r\n\r\n';
    const rich = Buffer.from(full);
    const chunked = Buffer.from(
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nTrailer: x\r\nUpgrade: websocket\r\n\r\n',
    );
    const plain = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX-A: 2\r\n\r\n');
    const fresh = new RequestHead();
    parseRequestHead(plain, 0, plain.length, LIMITS, fresh);
    const used = new RequestHead();
    parseRequestHead(rich, 0, rich.length, LIMITS, used);
    parseRequestHead(chunked, 0, chunked.length, LIMITS, used);
    assert.equal(parseRequestHead(plain, 0, 9, LIMITS, used), 0);
    parseRequestHead(plain, 0, plain.length, LIMITS, used);
    assert.deepEqual(used, fresh);
    assert.equal(used.framing, Framing.none);
  });

  it('refuses a hopeless head at its first wrong byte', () => {
    const hopeless = [
      '\x16',
      '\n',
      'G\0',
      'GET /\x80',
      'GET / HTTP/3.0',
      'GET / HTTP/1.1\r\nX ',
      'GET / HTTP/1.1\r\n ',
      '\r\n\r',
    ];
    for (const raw of hopeless) {
      const bytes = Buffer.from(raw, 'latin1');
      const head = new RequestHead();
      assert.equal(parseRequestHead(bytes, 0, bytes.length - 1, LIMITS, head), 0, JSON.stringify(raw));
      assert.equal(parseRequestHead(bytes, 0, bytes.length, LIMITS, head), -1, JSON.stringify(raw));
    }
  });

  it('holds the size limit to the byte', () => {
    const raw = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const bytes = Buffer.from(`${raw}more`);
    const head = new RequestHead();
    const limit = (maxBytes: number) => parseRequestHead(bytes, 0, bytes.length, { maxBytes, maxFields: 1 }, head);
    assert.equal(limit(raw.length), raw.length);
    assert.equal(limit(raw.length - 1), -1);
    assert.equal(head.rejection?.status, 431);
    assert.equal(limit(8), -1);
    assert.equal(head.rejection?.status, 414);
  });

  it('refuses a full buffer without an end, and waits for the end of a large head', () => {
    const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
    const endless = Buffer.from(start.padEnd(LIMITS.maxBytes, 'x'));
    const head = new RequestHead();
    assert.equal(parseRequestHead(endless, 0, LIMITS.maxBytes - 1, LIMITS, head), 0);
    assert.equal(parseRequestHead(endless, 0, LIMITS.maxBytes, LIMITS, head), -1);
    assert.equal(head.rejection?.code, 'head-too-long');
    const large = Buffer.from(`${start.padEnd(9000, 'x')}\r\n\r\nGET /next HTTP/1.1\r\n\r\n`);
    for (const end of [5000, 8999, 9000, 9003]) assert.equal(parseRequestHead(large, 0, end, LIMITS, head), 0);
    assert.equal(parseRequestHead(large, 0, large.length, LIMITS, head), 9004);
  });

  it('keeps no byte of the buffer alive: the head stays right when the buffer is written to again', () => {
    const bytes = Buffer.from('GET /path HTTP/1.1\r\nHost: a.example\r\nX-Some-Field: value\r\n\r\n');
    const head = new RequestHead();
    parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
    bytes.fill('!');
    assert.equal(head.target, '/path');
    assert.equal(head.authority, 'a.example');
    assert.equal(head.fields, 'X-Some-Field: value\r\n');
  });
});
