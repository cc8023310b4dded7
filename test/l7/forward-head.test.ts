import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CidrSet } from '../../src/core/cidr.ts';
import { ClientForwarding } from '../../src/l7/client-forwarding.ts';
import { buildRequestHead, buildResponseHead, clientFraming } from '../../src/l7/forward-head.ts';
import { Framing, RequestHead, ResponseHead } from '../../src/l7/head.ts';
import { parseRequestHead } from '../../src/l7/request-head.ts';
import { parseResponseHead } from '../../src/l7/response-head.ts';
import { REQUEST_ROWS } from './request-rows.ts';

const LIMITS = { maxBytes: 32_768, maxFields: 200 };

function requestOf(raw: string): RequestHead {
  const bytes = Buffer.from(raw, 'latin1');
  const head = new RequestHead();
  assert.equal(parseRequestHead(bytes, 0, bytes.length, LIMITS, head), bytes.length, raw);
  return head;
}

function responseOf(raw: string, method = 'GET'): ResponseHead {
  const bytes = Buffer.from(raw, 'latin1');
  const head = new ResponseHead();
  assert.equal(parseResponseHead(bytes, 0, bytes.length, LIMITS, method, head), bytes.length, raw);
  return head;
}

function client(remoteAddress: string, ...trusted: string[]): ClientForwarding {
  return new ClientForwarding({ remoteAddress, scheme: 'http', localPort: 9080, trusted: new CidrSet(trusted) });
}

function forwarded(raw: string, forwarding = client('192.0.2.1')): string {
  const head = requestOf(raw);
  return buildRequestHead(head, { authority: head.authority, target: head.target, forwarding });
}

/** The forwarding lines that a node sees from 192.0.2.1 with Host: a. */
const FROM_CLIENT =
  'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 9080\r\nX-Real-IP: 192.0.2.1\r\n' +
  'X-Forwarded-Host: a\r\n';

describe('buildRequestHead', () => {
  const rows: readonly (readonly [raw: string, built: string])[] = [
    ['GET /x?y HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n', `GET /x?y HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n${FROM_CLIENT}\r\n`],
    ['GET / HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n', `GET / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}\r\n`],
    ['POST / HTTP/1.1\r\nHost: a\r\n\r\n', `POST / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}Content-Length: 0\r\n\r\n`],
    ['PUT / HTTP/1.1\r\nHost: a\r\n\r\n', `PUT / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}Content-Length: 0\r\n\r\n`],
    ['PATCH / HTTP/1.1\r\nHost: a\r\n\r\n', `PATCH / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}Content-Length: 0\r\n\r\n`],
    ['DELETE / HTTP/1.1\r\nHost: a\r\n\r\n', `DELETE / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}\r\n`],
    [
      'DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n\r\n',
      `DELETE / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}Content-Length: 5\r\n\r\n`,
    ],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}Transfer-Encoding: chunked\r\n\r\n`,
    ],
    [
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
      `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${FROM_CLIENT}Content-Length: 1\r\n\r\n`,
    ],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nTE: trailers, deflate\r\nConnection: TE\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}TE: trailers\r\nConnection: TE\r\n\r\n`,
    ],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\n${FROM_CLIENT}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    ],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}\r\n`,
    ],
    ['GET http://a/b HTTP/1.1\r\nHost: other\r\n\r\n', `GET /b HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}\r\n`],
  ];

  it('writes the exact bytes that a node gets', () => {
    for (const [raw, built] of rows) assert.equal(forwarded(raw), built);
  });

  it('writes a head that reads as the same message, for every head of the table that is accepted', () => {
    let count = 0;
    for (const [name, raw, facts] of REQUEST_ROWS) {
      if (typeof facts === 'string') continue;
      const head = requestOf(raw);
      if (head.authority === '') continue;
      const again = requestOf(forwarded(raw));
      for (const key of [
        'method',
        'target',
        'path',
        'authority',
        'host',
        'framing',
        'contentLength',
        'upgrade',
        'teTrailers',
        'fields',
      ] as const) {
        assert.equal(again[key], head[key], `${name}: ${key}`);
      }
      count += 1;
    }
    assert.ok(count > 90);
  });

  it('takes authority and target from the caller', () => {
    const head = requestOf('GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n');
    const text = buildRequestHead(head, { authority: 'node:80', target: '/x', forwarding: client('192.0.2.1') });
    assert.equal(text, `GET /x HTTP/1.1\r\nHost: node:80\r\n${FROM_CLIENT}\r\n`);
  });
});

describe('ClientForwarding', () => {
  const claims =
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 10.0.0.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n' +
    'X-Forwarded-Port: 443\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n';

  it('overwrites what an untrusted client claims', () => {
    assert.equal(forwarded(claims), `GET / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}\r\n`);
  });

  it('adds to the list of a trusted client, keeps its word, and names the right-most untrusted address', () => {
    assert.equal(
      forwarded(claims, client('10.0.0.1', '10.0.0.0/8')),
      'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 10.0.0.7, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n' +
        'X-Forwarded-Port: 443\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-Host: shop\r\n\r\n',
    );
  });

  it('speaks for itself when a trusted client claims nothing', () => {
    assert.equal(
      forwarded('GET / HTTP/1.1\r\nHost: a\r\n\r\n', client('192.0.2.1', '192.0.2.1')),
      `GET / HTTP/1.1\r\nHost: a\r\n${FROM_CLIENT}\r\n`,
    );
    assert.doesNotMatch(client('192.0.2.1').fields(requestOf('GET / HTTP/1.0\r\n\r\n')), /Host/);
  });

  it('believes the list only as far as trusted proxies wrote it', () => {
    const lists: readonly (readonly [list: string, address: string])[] = [
      ['6.6.6.6, 1.1.1.1', '1.1.1.1'],
      ['6.6.6.6, 1.1.1.1, 10.0.0.2,10.0.0.3', '1.1.1.1'],
      ['10.0.0.2', '10.0.0.2'],
      ['1.1.1.1, unknown, 10.0.0.2', '10.0.0.2'],
      ['evil', '10.0.0.1'],
      ['2001:db8::1', '2001:db8::1'],
      ['::ffff:1.1.1.1', '1.1.1.1'],
    ];
    for (const [list, address] of lists) {
      const head = requestOf(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${list}\r\n\r\n`);
      assert.equal(client('10.0.0.1', '10.0.0.0/8').clientAddress(head), address, list);
      assert.equal(client('10.0.0.1').clientAddress(head), '10.0.0.1', list);
    }
  });

  it('shows an IPv4 client of a dual-stack socket as IPv4', () => {
    assert.equal(client('::ffff:192.0.2.1').remoteAddress, '192.0.2.1');
    assert.equal(client('::ffff:10.0.0.1', '10.0.0.0/8').isTrusted, true);
  });
});

describe('buildResponseHead', () => {
  function relayed(raw: string, clientMinor: 0 | 1 = 1, keepAlive = true, method = 'GET'): string {
    const head = responseOf(raw, method);
    const framing = clientFraming(head, clientMinor);
    return buildResponseHead(head, {
      clientMinor,
      framing,
      keepAlive: keepAlive && framing !== Framing.close,
      added: '',
    });
  }

  it('writes the exact bytes that a client gets', () => {
    const sized =
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n';
    assert.equal(relayed(sized), 'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n');
    assert.equal(
      relayed(sized, 1, false),
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n',
    );
    assert.equal(relayed(sized, 0), 'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n');
    assert.equal(
      relayed(sized, 0, false),
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n',
    );
  });

  it('frames a body anew for the client', () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    const closed = 'HTTP/1.0 200 OK\r\nDate: d\r\n\r\n';
    assert.equal(relayed(chunked), 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    assert.equal(relayed(chunked, 0), 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
    assert.equal(relayed(closed), 'HTTP/1.1 200 OK\r\nDate: d\r\nTransfer-Encoding: chunked\r\n\r\n');
    assert.equal(relayed(closed, 0), 'HTTP/1.1 200 OK\r\nDate: d\r\nConnection: close\r\n\r\n');
  });

  it('tells a length without a body only for HEAD and 304', () => {
    const rows: readonly (readonly [raw: string, method: string, built: string])[] = [
      ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
      ['HTTP/1.1 200 OK\r\n\r\n', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\n'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\n'],
      ['HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n', 'GET', 'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n'],
      ['HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n', 'GET', 'HTTP/1.1 204 x\r\n\r\n'],
      ['HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n', 'GET', 'HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n'],
    ];
    for (const [raw, method, built] of rows) assert.equal(relayed(raw, 1, true, method), built);
  });

  it('passes interim answers and switches protocols', () => {
    assert.equal(relayed('HTTP/1.1 100 Continue\r\n\r\n', 1, false), 'HTTP/1.1 100 Continue\r\n\r\n');
    assert.equal(
      relayed('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'),
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    );
    assert.equal(
      relayed(
        'HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: WebSocket\r\nSec-WebSocket-Accept: a\r\n\r\n',
        1,
        false,
      ),
      'HTTP/1.1 101 x\r\nSec-WebSocket-Accept: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    );
  });
});
