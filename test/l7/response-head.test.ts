import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Framing, ResponseHead } from '../../src/l7/head.ts';
import { parseResponseHead } from '../../src/l7/response-head.ts';

const LIMITS = { maxBytes: 32_768, maxFields: 100 };

type Row = readonly [name: string, raw: string, verdict: string | Partial<ResponseHead>, method?: string];

function ok(...lines: string[]): string {
  return `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

function status(line: string): string {
  return `${line}\r\nContent-Length: 0\r\n\r\n`;
}

const { none, length, chunked, close } = Framing;

const ROWS: readonly Row[] = [
  [
    'plain',
    ok('Content-Length: 5'),
    { status: 200, reason: 'OK', minor: 1, framing: length, contentLength: 5, keepAlive: true },
  ],
  ['reason of words', status('HTTP/1.1 404 Not Found'), { status: 404, reason: 'Not Found' }],
  ['reason beyond ASCII', status('HTTP/1.1 500 Gro\xdfer Fehler'), { reason: 'Gro\xdfer Fehler' }],
  ['empty reason', status('HTTP/1.1 200 '), { status: 200, reason: '' }],
  ['no reason and no space', status('HTTP/1.1 200'), { status: 200, reason: '' }],
  ['status 599', status('HTTP/1.1 599 x'), { status: 599 }],
  ['status 999', status('HTTP/1.1 999 x'), { status: 999 }],
  ['status 099', status('HTTP/1.1 099 x'), 'status-line'],
  ['status of two digits', status('HTTP/1.1 20 OK'), 'status-line'],
  ['status of four digits', status('HTTP/1.1 2000 OK'), 'status-line'],
  ['status with letters', status('HTTP/1.1 2x0 OK'), 'status-line'],
  ['HTTP/1.0', status('HTTP/1.0 200 OK'), { minor: 0, keepAlive: false }],
  ['HTTP/1.2', status('HTTP/1.2 200 OK'), 'status-line'],
  ['HTTP/2.0', status('HTTP/2.0 200 OK'), 'status-line'],
  ['lower case', status('http/1.1 200 OK'), 'status-line'],
  ['ICY', status('ICY 200 OK'), 'status-line'],
  ['HTTP/0.9: only a body', '<html></html>', 'status-line'],
  ['empty line before', `\r\n${ok()}`, 'status-line'],
  ['two spaces', status('HTTP/1.1  200 OK'), 'status-line'],
  ['tab', status('HTTP/1.1\t200 OK'), 'status-line'],
  ['control character in the reason', status('HTTP/1.1 200 O\0K'), 'status-line'],
  ['bare LF', 'HTTP/1.1 200 OK\n\n', 'line-end'],
  ['bare CR', 'HTTP/1.1 200 OK\rX', 'line-end'],

  [
    'fields stay as they came',
    ok('X-A: 1', 'set-cookie: a', 'Set-Cookie:b'),
    { fields: 'X-A: 1\r\nset-cookie: a\r\nSet-Cookie:b\r\n' },
  ],
  ['obs-text', ok('X-A: \x80\xff'), { fields: 'X-A: \x80\xff\r\n' }],
  ['underscore stays', ok('X_A: 1'), { fields: 'X_A: 1\r\n' }],
  ['folded line', ok('X-A: 1', ' 2'), 'line-folding'],
  ['blank before the colon', ok('X-A : 1'), 'field-name'],
  ['blank before the colon of a framing field', ok('Transfer-Encoding : chunked'), 'field-name'],
  ['empty name', ok(': 1'), 'field-name'],
  ['no colon', ok('X-A'), 'field-name'],
  ['NUL in a value', ok('X-A: \0'), 'field-value'],
  ['bare LF in a value', ok('X-A: 1\nX-B: 2'), 'line-end'],
  ['bare CR in a value', ok('X-A: 1\rX-B: 2'), 'line-end'],
  ['100 fields', ok(...Array.from({ length: 100 }, () => 'X: 1')), { status: 200 }],
  ['101 fields', ok(...Array.from({ length: 101 }, () => 'X: 1')), 'too-many-fields'],
  ['head that is too long', ok(`X: ${'a'.repeat(40_000)}`), 'head-too-long'],
  ['reason that never ends', `HTTP/1.1 200 ${'a'.repeat(40_000)}`, 'head-too-long'],

  ['Content-Length 0', ok('Content-Length: 0'), { framing: length, contentLength: 0 }],
  ['equal Content-Lengths', ok('Content-Length: 5', 'Content-Length: 5'), 'content-length'],
  ['list', ok('Content-Length: 5, 5'), 'content-length'],
  ['signed', ok('Content-Length: +5'), 'content-length'],
  ['hexadecimal', ok('Content-Length: 0x5'), 'content-length'],
  ['empty', ok('Content-Length: '), 'content-length'],
  ['huge', ok('Content-Length: 9007199254740992'), 'content-length'],
  ['chunked', ok('Transfer-Encoding: Chunked'), { framing: chunked, contentLength: -1, fields: '' }],
  ['CL.TE', ok('Content-Length: 5', 'Transfer-Encoding: chunked'), 'two-framings'],
  ['TE.CL', ok('Transfer-Encoding: chunked', 'Content-Length: 5'), 'two-framings'],
  ['gzip, chunked', ok('Transfer-Encoding: gzip, chunked'), 'transfer-coding'],
  ['identity', ok('Transfer-Encoding: identity'), 'transfer-coding'],
  ['chunked twice', ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 'transfer-encoding'],
  ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'transfer-encoding-http10'],
  ['neither', ok('X-A: 1'), { framing: close, contentLength: -1, keepAlive: false }],
  ['neither, keep-alive all the same', ok('Connection: keep-alive'), { framing: close, keepAlive: false }],
  ['HEAD with a length', ok('Content-Length: 5'), { framing: none, contentLength: 5, keepAlive: true }, 'HEAD'],
  ['HEAD without', ok(), { framing: none, contentLength: -1, keepAlive: true }, 'HEAD'],
  ['HEAD, chunked', ok('Transfer-Encoding: chunked'), { framing: none, contentLength: -1, fields: '' }, 'HEAD'],
  ['HEAD, both', ok('Transfer-Encoding: chunked', 'Content-Length: 5'), 'two-framings', 'HEAD'],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', { framing: none, keepAlive: true }],
  ['204 with a length', 'HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n', { framing: none }],
  ['304 with a length', 'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n', { framing: none, contentLength: 5 }],
  ['100', 'HTTP/1.1 100 Continue\r\n\r\n', { framing: none, status: 100, keepAlive: true }],
  ['103', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', { framing: none, fields: 'Link: </a>\r\n' }],
  [
    '101',
    'HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n',
    { framing: none, upgrade: 'websocket', fields: 'Sec-WebSocket-Accept: a\r\n' },
  ],
  ['Upgrade elsewhere', 'HTTP/1.1 426 x\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n', { upgrade: '', fields: '' }],

  ['close', ok('Content-Length: 0', 'Connection: close'), { keepAlive: false, fields: '' }],
  [
    'HTTP/1.0 keep-alive',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n',
    { keepAlive: true },
  ],
  [
    'hop-by-hop',
    ok('Keep-Alive: timeout=5', 'Proxy-Connection: x', 'Proxy-Authenticate: x', 'TE: x', 'Date: d'),
    { fields: 'Date: d\r\n' },
  ],
  ['named field', ok('X-A: 1', 'Connection: X-A', 'X-B: 2'), { fields: 'X-B: 2\r\n' }],
  ['named Set-Cookie', ok('Set-Cookie: 1', 'Connection: set-cookie'), 'connection-names'],
  ['Connection that is no list', ok('Connection: a/b'), 'connection'],
  ['Trailer of a chunked body', ok('Transfer-Encoding: chunked', 'Trailer: Digest'), { fields: 'Trailer: Digest\r\n' }],
  ['Trailer without one', ok('Content-Length: 0', 'Trailer: Digest'), { fields: '' }],
];

function assertVerdict(taken: number, head: ResponseHead, row: Row): void {
  const [name, raw, facts] = row;
  if (typeof facts === 'string') {
    assert.equal(taken, -1, name);
    assert.equal(head.rejection?.code, facts, name);
    return;
  }
  assert.equal(head.rejection?.code, undefined, name);
  assert.equal(taken, raw.indexOf('\r\n\r\n') + 4, name);
  for (const [key, value] of Object.entries(facts))
    assert.equal(head[key as keyof ResponseHead], value, `${name}: ${key}`);
}

describe('parseResponseHead', () => {
  it('judges each row of the table, in one piece and with bytes behind it', () => {
    for (const row of ROWS) {
      for (const after of ['', 'HTTP/1.1 500 x\r\n\r\n']) {
        const bytes = Buffer.from(row[1] + after, 'latin1');
        const head = new ResponseHead();
        assertVerdict(parseResponseHead(bytes, 0, bytes.length, LIMITS, row[3] ?? 'GET', head), head, row);
      }
    }
  });

  it('gives the same verdict when the bytes arrive one by one', () => {
    const head = new ResponseHead();
    for (const row of ROWS) {
      const bytes = Buffer.from(row[1], 'latin1');
      const step = bytes.length > 2000 ? 997 : 1;
      let taken = 0;
      for (let end = 0; taken === 0 && end < bytes.length; ) {
        end = Math.min(bytes.length, end + step);
        taken = parseResponseHead(bytes, 0, end, LIMITS, row[3] ?? 'GET', head);
        if (taken === 0) assert.equal(head.rejection, null, row[0]);
      }
      assertVerdict(taken, head, row);
    }
  });

  it('leaves nothing of one head in the next', () => {
    const rich = Buffer.from(
      'HTTP/1.0 101 X\r\nUpgrade: a\r\nConnection: close, x-a\r\nX-A: 1\r\nContent-Length: 7\r\n\r\n',
    );
    const plain = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n');
    const fresh = new ResponseHead();
    parseResponseHead(plain, 0, plain.length, LIMITS, 'GET', fresh);
    const used = new ResponseHead();
    parseResponseHead(rich, 0, rich.length, LIMITS, 'GET', used);
    parseResponseHead(plain, 0, plain.length, LIMITS, 'GET', used);
    assert.deepEqual(used, fresh);
  });
});
