import { get, last, line, post, refused, served, type WireRow } from '../../support/wire-rows.ts';

const CONNECTION: WireRow[] = [
  served('keep-alive', get('Connection: keep-alive')),
  last('close in another case', get('connection: CLOSE')),
  last('close in a list', get('Connection: a, close ,b')),
  last('close in a second line', get('Connection: keep-alive', 'Connection: close')),
  served('named fields end here', get('Connection: X-A, x-b', 'X-A: 1', 'X-B: 2', 'X-C: 3'), { fields: 'X-C: 3\r\n' }),
  served('fields named before and behind', get('X-A: 1', 'Connection: x-a', 'X-A: 2', 'A: b'), { fields: 'A: b\r\n' }),
  served('empty members', get('Connection: ,, keep-alive,')),
  served('an empty list', get('Connection:')),
  ...[
    'host',
    'Content-Length',
    'transfer-encoding',
    'Authorization',
    'cookie',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'x-forwarded-anything',
    'X-Real-IP',
    'Forwarded',
    'traceparent',
    'Expect',
    'Content-Type',
  ].map((name) => refused(400, `Connection: ${name}`, get(`Connection: close, ${name}`))),
  refused(400, 'Connection that is no list of names', get('Connection: a b')),
  refused(400, 'Connection with a value', get('Connection: a=b')),
  refused(400, 'Connection in quotes', get('Connection: "close"')),
  refused(400, 'Connection of 65 members', get(`Connection: ${Array.from({ length: 65 }, (_, i) => `x${i}`).join()}`)),
  served('hop-by-hop fields', get('Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'Proxy-Authorization: a')),
  served('Proxy-Connection does not close', get('Proxy-Connection: close')),
  served('TE with trailers', get('TE: trailers'), { tail: 'TE: trailers\r\nConnection: TE\r\n' }),
  served('TE with more', get('TE: gzip;q=1, trailers', 'Connection: TE'), {
    tail: 'TE: trailers\r\nConnection: TE\r\n',
  }),
  served('TE without trailers', get('TE: gzip', 'Connection: TE')),
  served('Trailer without chunks', get('Trailer: X-A')),
];

const EXPECTATIONS: WireRow[] = [
  served('Expect', `${post('Expect: 100-continue', 'Content-Length: 2')}ab`, {
    line: 'POST /',
    fields: 'Expect: 100-continue\r\n',
    tail: 'Content-Length: 2\r\n',
    body: 'ab',
  }),
  served('Expect in another case', `${post('expect: 100-CONTINUE', 'Content-Length: 2')}ab`, {
    line: 'POST /',
    fields: 'expect: 100-CONTINUE\r\n',
    tail: 'Content-Length: 2\r\n',
    body: 'ab',
  }),
  served('Expect without a body', get('Expect: 100-continue')),
  served('Expect with a length of zero', post('Expect: 100-continue', 'Content-Length: 0'), {
    line: 'POST /',
    tail: 'Content-Length: 0\r\n',
  }),
  last('Expect in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx', {
    line: 'POST /',
    tail: 'Content-Length: 1\r\n',
    body: 'x',
  }),
  ...[
    '',
    '100',
    '200-ok',
    '100-continue, x',
    '100-continue;q=1',
    '"100-continue"',
    'y 100-continue',
    '100-continue\x0c',
  ].map((value) =>
    refused(
      value.includes('\x0c') ? 400 : 417,
      `Expect: ${JSON.stringify(value)}`,
      `${post(`Expect: ${value}`, 'Content-Length: 1')}x`,
    ),
  ),
  refused(417, 'two expectations', `${post('Expect: 100-continue', 'Expect: 100-continue', 'Content-Length: 1')}x`),
  refused(417, 'an obfuscated expectation without a body', get('Expect: x100-continue')),
];

const KEY = 'Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==';
const ASKED = { fields: `${KEY}\r\n`, tail: 'Upgrade: websocket\r\nConnection: Upgrade\r\n' };

/** The node answers 200 to all of them: an upgrade that is not made leaves a connection that ends. */
const UPGRADES: WireRow[] = [
  last('websocket', get('Upgrade: websocket', 'Connection: Upgrade', KEY), ASKED),
  last('websocket in another case', get('upgrade: WebSocket', 'connection: keep-alive, UPGRADE', KEY), ASKED),
  served('websocket without Connection', get('Upgrade: websocket', KEY), { fields: `${KEY}\r\n` }),
  served('websocket without a key', get('Upgrade: websocket', 'Connection: Upgrade')),
  served('websocket by POST', post('Upgrade: websocket', 'Connection: Upgrade', KEY), {
    line: 'POST /',
    fields: `${KEY}\r\n`,
    tail: 'Content-Length: 0\r\n',
  }),
  served('websocket with a body', `${get('Upgrade: websocket', 'Connection: Upgrade', KEY, 'Content-Length: 2')}ab`, {
    fields: `${KEY}\r\n`,
    tail: 'Content-Length: 2\r\n',
    body: 'ab',
  }),
  last('websocket in HTTP/1.0', get('Upgrade: websocket', 'Connection: Upgrade', KEY).replace('1.1', '1.0'), {
    fields: `${KEY}\r\n`,
  }),
  served('h2c', get('Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABk')),
  served('h2c without its settings named', get('Upgrade: h2c', 'Connection: Upgrade', 'HTTP2-Settings: AAMAAABk')),
  served('h2c and websocket', get('Upgrade: h2c, websocket', 'Connection: Upgrade', KEY), { fields: `${KEY}\r\n` }),
  served('h2c and websocket in two lines', get('Upgrade: websocket', 'Upgrade: h2c', 'Connection: Upgrade', KEY), {
    fields: `${KEY}\r\n`,
  }),
  served('TLS in the connection', get('Upgrade: TLS/1.0', 'Connection: Upgrade')),
  served('an unknown upgrade', get('Upgrade: xyz', 'Connection: Upgrade')),
  refused(
    400,
    'websocket with chunks and a length',
    get('Upgrade: websocket', 'Connection: Upgrade', KEY, 'Content-Length: 1', 'Transfer-Encoding: chunked'),
  ),
  served('OPTIONS of a path with an asterisk', line('OPTIONS /*'), { line: 'OPTIONS /*' }),
];

export const HOPS: readonly WireRow[] = [...CONNECTION, ...EXPECTATIONS, ...UPGRADES];
