import {
  type AnswerRow,
  BAD,
  bad,
  broken,
  CLOSED,
  GET,
  GET10,
  goneBy,
  HEAD,
  once,
  passed,
} from '../../support/wire-answers.ts';
import { FIN, RESET } from '../../support/wire-node.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const hello = `${OK}Content-Length: 5\r\n\r\nhello`;
const withFields = (...fields: string[]): string =>
  `${OK}${fields.map((field) => `${field}\r\n`).join('')}Content-Length: 5\r\n\r\nhello`;
const many = (count: number): string => Array.from({ length: count }, (_, i) => `X-${i}: a\r\n`).join('');
const padded = (length: number): string => {
  const [start, end] = [`${OK}A: `, '\r\nContent-Length: 0\r\n\r\n'];
  return `${start}${'b'.repeat(length - start.length - end.length)}${end}`;
};

const START: AnswerRow[] = [
  passed('a length', hello, hello),
  passed('a length of zero', `${OK}Content-Length: 0\r\n\r\n`, `${OK}Content-Length: 0\r\n\r\n`),
  passed('the length moves behind the rest', `${OK}Content-Length: 5\r\nA: b\r\n\r\nhello`, withFields('A: b')),
  passed(
    'another reason',
    'HTTP/1.1 404 Not Here, Sorry\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 404 Not Here, Sorry\r\nContent-Length: 0\r\n\r\n',
  ),
  passed('an empty reason', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'),
  passed('no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'),
  passed(
    'a reason beyond ASCII',
    'HTTP/1.1 200 \xfcber\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 \xfcber\r\nContent-Length: 0\r\n\r\n',
  ),
  passed(
    'an unknown status',
    'HTTP/1.1 299 X\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 299 X\r\nContent-Length: 0\r\n\r\n',
  ),
  passed(
    'a 503 of the node',
    'HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n',
  ),
  ...[
    'hello',
    '\r\nHTTP/1.1 200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/0.9 200 OK',
    'http/1.1 200 OK',
    'ICY 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 2xx OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1 200 O\x7fK',
    'GET / HTTP/1.1',
  ].map((line) => bad(`status line ${JSON.stringify(line)}`, `${line}\r\nContent-Length: 0\r\n\r\n`)),
  bad('bare LF behind the status line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'),
];

const FIELDS: AnswerRow[] = [
  passed(
    'fields as they came',
    withFields('b-B: 1', 'A:', 'Set-Cookie: a=b', 'Set-Cookie: c=d', 'X_Y: \xe9'),
    withFields('b-B: 1', 'A:', 'Set-Cookie: a=b', 'Set-Cookie: c=d', 'X_Y: \xe9'),
  ),
  passed(
    'hop-by-hop fields',
    withFields(
      'Keep-Alive: timeout=5',
      'Proxy-Connection: close',
      'Proxy-Authenticate: Basic',
      'Upgrade: h2c',
      'TE: a',
      'A: b',
    ),
    withFields('A: b'),
  ),
  passed(
    'named fields end here',
    withFields('X-A: 1', 'Connection: x-a, keep-alive', 'X-A: 2', 'A: b'),
    withFields('A: b'),
  ),
  passed('Trailer without chunks', withFields('Trailer: X-A'), hello),
  passed(
    '199 fields and a length',
    `${OK}${many(199)}Content-Length: 0\r\n\r\n`,
    `${OK}${many(199)}Content-Length: 0\r\n\r\n`,
  ),
  passed('a head of 32768 bytes', padded(32_768), padded(32_768)),
  bad('a head of 32769 bytes', padded(32_769)),
  bad('201 fields', `${OK}${many(200)}Content-Length: 0\r\n\r\n`),
  bad('a head that does not end', `${OK}A: ${'b'.repeat(40_000)}`),
  ...[
    'A : b',
    ' A: b',
    '\tA: b',
    'A: b\r\n c',
    'A',
    ': b',
    'A B: c',
    'A: b\0',
    'A: b\rc',
    'A: b\nc: d',
    'A: b\x7f',
    'Content-Length : 3',
    'Connection: content-length',
    'Connection: transfer-encoding',
    'Connection: a b',
  ].map((line) => bad(`field ${JSON.stringify(line)}`, withFields(line))),
  bad('bare LF behind a field', `${OK}A: b\nContent-Length: 5\r\n\r\nhello`),
  bad('bare LF at the end of the head', `${OK}Content-Length: 5\r\n\nhello`),
];

/** HEAD is refused without the text. */
const BAD_HEAD = BAD.slice(0, BAD.indexOf('{'));
const both = (one: string, other: string): string => `${OK}${one}\r\n${other}\r\n\r\n0\r\n\r\n`;

const FRAMING: AnswerRow[] = [
  bad('two lengths', both('Content-Length: 5', 'Content-Length: 6')),
  bad('two equal lengths', both('Content-Length: 5', 'Content-Length: 5')),
  bad('CL.TE', both('Content-Length: 5', 'Transfer-Encoding: chunked')),
  bad('TE.CL', both('Transfer-Encoding: chunked', 'Content-Length: 5')),
  bad('two codings', both('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')),
  ...['5, 5', '+5', '-5', '0x5', '', '5 5', '1e1', '99999999999999999999'].map((value) =>
    bad(`length ${JSON.stringify(value)}`, `${OK}Content-Length: ${value}\r\n\r\nhello`),
  ),
  ...['gzip', 'identity', 'gzip, chunked', 'chunked, gzip', 'xchunked', '', 'chunked ', '"chunked"', '\x0bchunked'].map(
    (value) => bad(`coding ${JSON.stringify(value)}`, `${OK}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`),
  ),
  bad('chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  once('a bad framing on HEAD', both('Content-Length: 5', 'Transfer-Encoding: chunked'), BAD_HEAD, { ask: HEAD }),
  once('the node closes', withFields('Connection: close'), hello),
  once('the node closes, in a list', withFields('Connection: keep-alive, Close'), hello),
  once('HTTP/1.0', hello.replace('1.1', '1.0'), hello),
  passed('HTTP/1.0 with keep-alive', withFields('Connection: keep-alive').replace('1.1', '1.0'), hello),
  once(
    'HTTP/1.0 until its end',
    ['HTTP/1.0 200 OK\r\n\r\n', 'he', 'llo', FIN],
    `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    { rechunked: 'hello' },
  ),
  once('until its end', [`${OK}\r\n`, 'he', 'llo', FIN], `${OK}Transfer-Encoding: chunked\r\n\r\n`, {
    rechunked: 'hello',
  }),
  once('until its end, with nothing', [`${OK}\r\n`, FIN], `${OK}Transfer-Encoding: chunked\r\n\r\n`, { rechunked: '' }),
  once(
    'until its end, something like chunks',
    [`${OK}\r\n5\r\nhello\r\n0\r\n\r\n`, FIN],
    `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    { rechunked: '5\r\nhello\r\n0\r\n\r\n' },
  ),
  once('until its end, 100 KB', [`${OK}\r\n${'x'.repeat(100_000)}`, FIN], `${OK}Transfer-Encoding: chunked\r\n\r\n`, {
    rechunked: 'x'.repeat(100_000),
  }),
  passed(
    '100 KB',
    `${OK}Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`,
    `${OK}Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`,
  ),
];

const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const CHUNKS: AnswerRow[] = [
  passed('chunks', `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`),
  passed('no chunk but the last', `${CHUNKED}0\r\n\r\n`, `${CHUNKED}0\r\n\r\n`),
  passed('chunk extensions', `${CHUNKED}5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n`, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`),
  passed(
    'trailers',
    `${OK}Trailer: Etag, X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nEtag: "a"\r\nX: b\r\nSet-Cookie: c\r\n\r\n`,
    `${OK}Trailer: Etag, X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nEtag: "a"\r\n\r\n`,
  ),
  once(
    'chunks, then the node closes',
    `${OK}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${CHUNKED}0\r\n\r\n`,
  ),
  ...[
    '0x5\r\nhello\r\n0\r\n\r\n',
    ' 5\r\nhello\r\n0\r\n\r\n',
    '5 \r\nhello\r\n0\r\n\r\n',
    '5\nhello\r\n0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello!\r\n0\r\n\r\n',
    '6\r\nhello\r\n0\r\n\r\n',
    '\r\nhello\r\n0\r\n\r\n',
    'g\r\nhello\r\n0\r\n\r\n',
    '-5\r\nhello\r\n0\r\n\r\n',
    '10000000000000005\r\nhello\r\n0\r\n\r\n',
    '5;a\nhello\r\n0\r\n\r\n',
    '0\n\r\n',
    '0\r\n\n',
    '0\r\nA\r\n\r\n',
    '0\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
  ].map((body) => broken(`bad chunks ${JSON.stringify(body)}`, [CHUNKED, body], CHUNKED + body)),
];

const NO_CONTENT = 'HTTP/1.1 204 X\r\n\r\n';
const NOT_MODIFIED = 'HTTP/1.1 304 X\r\n';

const NO_BODY: AnswerRow[] = [
  passed('204', NO_CONTENT, NO_CONTENT),
  passed('204 with a length of zero', 'HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n', NO_CONTENT),
  once('204 with a body', 'HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello', NO_CONTENT),
  once('204 with chunks', 'HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', NO_CONTENT),
  passed('304', `${NOT_MODIFIED}\r\n`, `${NOT_MODIFIED}\r\n`),
  passed('304 with a length', `${NOT_MODIFIED}Content-Length: 5\r\n\r\n`, `${NOT_MODIFIED}Content-Length: 5\r\n\r\n`),
  once('304 with a body', `${NOT_MODIFIED}Content-Length: 5\r\n\r\nhello`, `${NOT_MODIFIED}Content-Length: 5\r\n\r\n`),
  passed('HEAD', `${OK}Content-Length: 5\r\n\r\n`, `${OK}Content-Length: 5\r\n\r\n`, { ask: HEAD }),
  passed('HEAD with chunks named', CHUNKED, `${OK}\r\n`, { ask: HEAD }),
  passed('HEAD without a framing', `${OK}\r\n`, `${OK}\r\n`, { ask: HEAD }),
  once('HEAD with a body', hello, `${OK}Content-Length: 5\r\n\r\n`, { ask: HEAD }),
  once('HEAD with chunks', `${CHUNKED}0\r\n\r\n`, `${OK}\r\n`, { ask: HEAD }),
];

const EXTRA: AnswerRow[] = [
  once('a byte behind the body', [`${hello}x`], hello),
  once('a byte behind the body, later', [hello, 'x'], hello),
  once('an empty line behind the body', [`${hello}\r\n`], hello),
  once('a whole answer behind the body', [hello + hello.replace('hello', 'wrong')], hello),
  once('a whole answer behind the body, later', [hello, hello.replace('hello', 'wrong')], hello),
  once('an answer behind 204', [NO_CONTENT + hello], NO_CONTENT),
  once('a byte behind the last chunk', [`${CHUNKED}0\r\n\r\nx`], `${CHUNKED}0\r\n\r\n`),
  once('an interim answer behind the body', [`${hello}HTTP/1.1 100 Continue\r\n\r\n`], hello),
];

const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
const EXPECT = 'POST /row HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 0\r\n';
const UPGRADE = `${GET}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n`;

const INTERIM: AnswerRow[] = [
  passed('100 unasked', `HTTP/1.1 100 Continue\r\n\r\n${hello}`, hello),
  passed('100 for a request without a body', `HTTP/1.1 100 Continue\r\n\r\n${hello}`, hello, { ask: EXPECT }),
  passed('102', `HTTP/1.1 102 Processing\r\n\r\n${hello}`, hello),
  passed('103', hint + hello, hint + hello),
  passed('eight times 103', hint.repeat(8) + hello, hint.repeat(8) + hello),
  passed('103 with framing', `HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n${hello}`, `HTTP/1.1 103 X\r\n\r\n${hello}`),
  passed(
    '103 with chunks named',
    `HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n${hello}`,
    `HTTP/1.1 103 X\r\n\r\n${hello}`,
  ),
  passed('103 to HTTP/1.0', hint + hello, `${OK}Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello`, {
    ask: GET10,
  }),
  bad('nine interim answers', 'HTTP/1.1 102 X\r\n\r\n'.repeat(9) + hello),
  bad('a flood of interim answers', 'HTTP/1.1 100 X\r\n\r\n'.repeat(5000)),
  bad('101 unasked', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello'),
  bad('101 with nothing', 'HTTP/1.1 101 X\r\n\r\n'),
  once('101 to another protocol', 'HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nhello', BAD, {
    ask: UPGRADE,
    end: 'open',
  }),
  once('101 to no protocol', 'HTTP/1.1 101 X\r\n\r\nhello', BAD, { ask: UPGRADE, end: 'open' }),
  passed('no 101 for an upgrade', hello, `${OK}Content-Length: 5\r\nConnection: close\r\n\r\nhello`, {
    ask: UPGRADE,
    end: 'fin',
  }),
];

const CUT: AnswerRow[] = [
  ...goneBy((by, end) => once(`${by} for an answer`, [end], CLOSED)),
  ...goneBy((by, end) => once(`${by} within the status line`, ['HTTP/1.1 2', end], CLOSED)),
  ...goneBy((by, end) => once(`${by} within the head`, [`${OK}Content-Le`, end], CLOSED)),
  ...goneBy((by, end) => once(`${by} behind an interim answer`, ['HTTP/1.1 100 X\r\n\r\n', end], CLOSED)),
  ...goneBy((by, end) => broken(`${by} before the body`, [`${OK}Content-Length: 5\r\n\r\n`, end], hello)),
  ...goneBy((by, end) => broken(`${by} within the body`, [`${OK}Content-Length: 5\r\n\r\nhe`, end], hello)),
  ...goneBy((by, end) => broken(`${by} before the first chunk`, [CHUNKED, end], CHUNKED)),
  ...goneBy((by, end) => broken(`${by} within a chunk`, [`${CHUNKED}5\r\nhe`, end], `${CHUNKED}5\r\nhe`)),
  ...goneBy((by, end) => broken(`${by} between chunks`, [`${CHUNKED}2\r\nhe\r\n`, end], `${CHUNKED}2\r\nhe\r\n`)),
  ...goneBy((by, end) => broken(`${by} before the last empty line`, [`${CHUNKED}0\r\n`, end], `${CHUNKED}0\r\n`)),
  ...goneBy((by, end) =>
    broken(`${by} within the trailers`, [`${CHUNKED}0\r\nEtag: a\r\n`, end], `${CHUNKED}0\r\nEtag: a\r\n`),
  ),
  ...goneBy((by, end) => once(`${by} behind the body`, [hello, end], hello)),
  ...goneBy((by, end) => once(`${by} behind 204`, [NO_CONTENT, end], NO_CONTENT)),
];

const close10 = `${OK}Connection: close\r\n\r\n`;

/** A client that knows no chunks. */
const TO_HTTP10: AnswerRow[] = [
  passed('a length to HTTP/1.0', hello, `${OK}Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello`, {
    ask: GET10,
  }),
  passed(
    'chunks to HTTP/1.0',
    `${CHUNKED}5;a\r\nhello\r\n6\r\n world\r\n0\r\nEtag: a\r\n\r\n`,
    `${close10}hello world`,
    { ask: GET10, end: 'fin' },
  ),
  passed('no chunk to HTTP/1.0', `${CHUNKED}0\r\n\r\n`, close10, { ask: GET10, end: 'fin' }),
  once('until its end to HTTP/1.0', [`${OK}\r\nhello`, FIN], `${close10}hello`, { ask: GET10, end: 'fin' }),
  passed('204 to HTTP/1.0', NO_CONTENT, 'HTTP/1.1 204 X\r\nConnection: keep-alive\r\n\r\n', { ask: GET10 }),
  broken('bad chunks to HTTP/1.0', [`${CHUNKED}5\r\nhello`, 'x'], `${close10}hello`, GET10),
  ...goneBy((by, end) => broken(`${by} within a chunk to HTTP/1.0`, [`${CHUNKED}5\r\nhe`, end], `${close10}he`, GET10)),
  ...goneBy((by, end) =>
    broken(`${by} before the last chunk to HTTP/1.0`, [`${CHUNKED}2\r\nhe\r\n`, end], `${close10}he`, GET10),
  ),
  broken('RST for an end to HTTP/1.0', [`${OK}\r\nhello`, RESET], `${close10}hello`, GET10),
  once('RST for an end', [`${OK}\r\nhello`, RESET], CHUNKED, { end: 'reset', rechunked: 'hello' }),
];

export const ANSWERS: readonly (readonly [string, readonly AnswerRow[]])[] = [
  ['status lines', START],
  ['fields', FIELDS],
  ['framing', FRAMING],
  ['chunks', CHUNKS],
  ['answers without a body', NO_BODY],
  ['extra bytes', EXTRA],
  ['interim answers and upgrades', INTERIM],
  ['answers that are cut short', CUT],
  ['clients that know no chunks', TO_HTTP10],
];
