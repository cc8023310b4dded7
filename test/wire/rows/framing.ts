import { chunked, cut, get, last, post, refused, type Sent, served, type WireRow } from '../../support/wire-rows.ts';

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n';
const length = (method: string, body: string): Partial<Sent> => ({
  line: `${method} /`,
  tail: `Content-Length: ${body.length}\r\n`,
  body,
});
const chunks = (body: string, fields = '', method = 'POST'): Partial<Sent> => ({
  line: `${method} /`,
  fields,
  tail: 'Transfer-Encoding: chunked\r\n',
  body,
});
const withMethod = (method: string, raw: string): string => raw.replace(/^\w+/, method);

const LENGTHS: WireRow[] = [
  served('a length', `${post('Content-Length: 5')}hello`, length('POST', 'hello')),
  served('a length of zero', post('Content-Length: 0'), length('POST', '')),
  served('a length with zeros in front', `${post('Content-Length: 0005')}hello`, length('POST', 'hello')),
  served('a length with blanks around', `${post('Content-Length: \t 5 \t')}hello`, length('POST', 'hello')),
  served(
    'a body that looks like a request',
    post(`Content-Length: ${SMUGGLED.length}`) + SMUGGLED,
    length('POST', SMUGGLED),
  ),
  served('a body of 60 KB', post('Content-Length: 60000') + 'x'.repeat(60_000), length('POST', 'x'.repeat(60_000))),
  ...['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'PURGE'].map((method) =>
    served(
      `a body that looks like a request on ${method}`,
      withMethod(method, post(`Content-Length: ${SMUGGLED.length}`)) + SMUGGLED,
      length(method, SMUGGLED),
    ),
  ),
  served('a body on HEAD', `${withMethod('HEAD', post('Content-Length: 5'))}hello`, length('HEAD', 'hello')),
  served('GET with a length of zero', get('Content-Length: 0')),
  ...[
    '+5',
    '-5',
    '0x5',
    '5 5',
    '5,5',
    '5, 5',
    '5;',
    '"5"',
    '5.0',
    '1e1',
    '',
    ' ',
    '٥',
    '5\t5',
    '9007199254740992',
    '18446744073709551621',
    '1'.repeat(30),
    'five',
  ].map((value) =>
    refused(
      400,
      `length ${JSON.stringify(value)}`,
      `${post(`Content-Length: ${Buffer.from(value).toString('latin1')}`)}hello`,
    ),
  ),
  refused(400, 'two lengths', `${post('Content-Length: 5', 'Content-Length: 6')}hello`),
  refused(400, 'two equal lengths', `${post('Content-Length: 5', 'Content-Length: 5')}hello`),
  refused(400, 'two lengths in another case', `${post('Content-Length: 5', 'content-LENGTH: 0')}hello`),
  refused(400, 'a length and an empty one', `${post('Content-Length: 5', 'Content-Length:')}hello`),
  refused(400, 'an empty length on GET', get('Content-Length:') + SMUGGLED),
];

const CODINGS: WireRow[] = [
  refused(400, 'CL.TE', `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG`),
  refused(400, 'TE.CL', `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}1e\r\n${SMUGGLED}`),
  refused(400, 'CL.TE with a length of zero', `${post('Content-Length: 0', 'Transfer-Encoding: chunked')}0\r\n\r\n`),
  refused(400, 'CL.TE on GET', `${get('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`),
  ...[
    'identity',
    'gzip',
    'gzip, chunked',
    'identity, chunked',
    'xchunked',
    'chunke',
    'x-chunked',
    'deflate',
    'trailers',
  ].map((value) => refused(501, `coding ${value}`, `${post(`Transfer-Encoding: ${value}`)}0\r\n\r\n${SMUGGLED}`)),
  ...[
    'chunked, identity',
    'chunked, chunked',
    'chunked, gzip',
    'chunked;q=1',
    '"chunked"',
    '',
    ' ',
    ',',
    'chunked ',
    'chunked\t',
    'chun ked',
    'chunked\xa0',
    '{chunked}',
  ].map((value) =>
    refused(400, `coding ${JSON.stringify(value)}`, `${post(`Transfer-Encoding: ${value}`)}0\r\n\r\n${SMUGGLED}`),
  ),
  refused(400, 'coding with a vertical tab', `${post('Transfer-Encoding: \x0bchunked')}0\r\n\r\n`),
  refused(400, 'coding with a NUL', `${post('Transfer-Encoding: chunked\0')}0\r\n\r\n`),
  refused(400, 'TE.TE', `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`),
  refused(400, 'two chunked codings', `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`),
  refused(501, 'an unknown coding before', `${post('Transfer-Encoding: x', 'Transfer-Encoding: chunked')}0\r\n\r\n`),
  refused(501, 'an unknown coding on GET', get('Transfer-Encoding: identity') + SMUGGLED),
  refused(501, 'an unknown coding and a length', `${post('Transfer-Encoding: identity', 'Content-Length: 5')}hello`),
  served('chunked in another case', `${post('TRANSFER-encoding: ChunKED')}0\r\n\r\n`, chunks('0\r\n\r\n')),
  served('chunked without a blank', `${post('Transfer-Encoding:chunked')}0\r\n\r\n`, chunks('0\r\n\r\n')),
  served('TE is not Transfer-Encoding', get('TE: chunked')),
];

const CHUNKS: WireRow[] = [
  served('chunks', chunked('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'), chunks('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n')),
  served(
    'chunks that look like a request',
    chunked(`25\r\n${SMUGGLED}\r\n0\r\n\r\n`.replace('25', SMUGGLED.length.toString(16))),
    chunks(`${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`),
  ),
  ...['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'].map((method) =>
    served(
      `chunks on ${method}`,
      withMethod(method, chunked('1\r\nx\r\n0\r\n\r\n')),
      chunks('1\r\nx\r\n0\r\n\r\n', '', method),
    ),
  ),
  served(
    'chunk size with zeros',
    chunked('0000a\r\n0123456789\r\n000\r\n\r\n'),
    chunks('0000a\r\n0123456789\r\n000\r\n\r\n'),
  ),
  served(
    'chunk size in either case',
    chunked('A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n'),
    chunks('A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n'),
  ),
  served('chunk extension', chunked('1;a=b\r\nx\r\n0;c\r\n\r\n'), chunks('1\r\nx\r\n0\r\n\r\n')),
  served('quoted chunk extension', chunked('1;a="b;\\"c"\r\nx\r\n0\r\n\r\n'), chunks('1\r\nx\r\n0\r\n\r\n')),
  served(
    'trailer that is not on the list',
    chunked('0\r\nX-Evil: a\r\n\r\n', 'Trailer: X-Evil'),
    chunks('0\r\n\r\n', 'Trailer: X-Evil\r\n'),
  ),
  served('trailer on the list', chunked('0\r\nContent-Digest: a\r\n\r\n'), chunks('0\r\nContent-Digest: a\r\n\r\n')),
  served(
    'trailer of identity',
    chunked('0\r\nAuthorization: a\r\nX-Forwarded-For: 1\r\nHost: evil\r\nCookie: a\r\n\r\n'),
    chunks('0\r\n\r\n'),
  ),
  ...(
    [
      ['a length in the trailers', '0\r\nContent-Length: 5\r\n\r\n'],
      ['a coding in the trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
      ['a folded trailer', '0\r\nX: a\r\n b\r\n\r\n'],
      ['a trailer without a colon', '0\r\nX\r\n\r\n'],
      ['a trailer with a blank before the colon', '0\r\nX : a\r\n\r\n'],
      ['a trailer that ends in LF', '0\r\nX: a\n\r\n'],
      ['trailers that end in LF', '0\r\n\n'],
      ['trailers that end in CR', '0\r\n\rX'],
      ['trailers of 9 KB', `0\r\nX: ${'a'.repeat(9000)}\r\n\r\n`],
      ['chunk size 0x1', '0x1\r\nx\r\n0\r\n\r\n'],
      ['chunk size +1', '+1\r\nx\r\n0\r\n\r\n'],
      ['chunk size -1', '-1\r\nx\r\n0\r\n\r\n'],
      ['chunk size with a blank before', ' 1\r\nx\r\n0\r\n\r\n'],
      ['chunk size with a blank behind', '1 \r\nx\r\n0\r\n\r\n'],
      ['chunk size with a tab behind', '1\t\r\nx\r\n0\r\n\r\n'],
      ['chunk size with a blank and an extension', '1 ;a\r\nx\r\n0\r\n\r\n'],
      ['no chunk size', '\r\nx\r\n0\r\n\r\n'],
      ['an extension without a size', ';a\r\nx\r\n0\r\n\r\n'],
      ['chunk size of 16 digits', '0000000000000001\r\nx\r\n0\r\n\r\n'],
      ['chunk size beyond 64 bits', '10000000000000001\r\nx\r\n0\r\n\r\n'],
      ['chunk size beyond 2^53', '3fffffffffffff\r\nx\r\n0\r\n\r\n'],
      ['chunk size with an underscore', '1_0\r\nx\r\n0\r\n\r\n'],
      ['chunk size g', 'g\r\nx\r\n0\r\n\r\n'],
      ['chunk size in wide digits', '\xef\xbc\x91\r\nx\r\n0\r\n\r\n'],
      ['chunk size with a NUL', '1\0\r\nx\r\n0\r\n\r\n'],
      ['chunk line that ends in LF', '1\nx\r\n0\r\n\r\n'],
      ['chunk line that ends in CR', '1\rxx\r\n0\r\n\r\n'],
      ['chunk line that ends in CR CR LF', '1\r\r\nx\r\n0\r\n\r\n'],
      ['last chunk line that ends in LF', '0\n\r\n'],
      ['chunk data that ends in LF', '1\r\nx\n0\r\n\r\n'],
      ['chunk data that is longer', '1\r\nxy\r\n0\r\n\r\n'],
      ['chunk data that is shorter', '2\r\nx\r\n0\r\n\r\n'],
      ['chunk data without its end', '1\r\nx0\r\n\r\n'],
      ['chunk extension that ends in LF', '1;a\nx\r\n0\r\n\r\n'],
      ['chunk extension with a bare CR', '1;a\rb\r\nx\r\n0\r\n\r\n'],
      ['chunk extension with a NUL', '1;a=\0\r\nx\r\n0\r\n\r\n'],
      ['chunk extension with an LF in quotes', '1;a="\n"\r\nx\r\n0\r\n\r\n'],
      ['chunk extension with an open quote', '1;a="b\r\nx\r\n0\r\n\r\n'],
      ['empty chunk extension', '1;\r\nx\r\n0\r\n\r\n'],
      ['chunk extensions of 17 KiB', `1;a=${'b'.repeat(17 * 1024)}\r\nx\r\n0\r\n\r\n`],
    ] as const
  ).map(([name, body]) => cut(name, chunked(body), chunks('0\r\n\r\n'))),
];

const NO_BODY: WireRow[] = [
  last('close', get('Connection: close')),
  last('close on POST', `${post('Connection: close', 'Content-Length: 1')}x`, length('POST', 'x')),
  last('close behind chunks', chunked('0\r\n\r\n', 'Connection: close'), chunks('0\r\n\r\n')),
];

export const FRAMING: readonly WireRow[] = [...LENGTHS, ...CODINGS, ...CHUNKS, ...NO_BODY];
