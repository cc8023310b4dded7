import type { Rejection } from './head.ts';

function refusal(status: number, code: string, message: string): Rejection {
  return Object.freeze({ status, code, message });
}

/** Every reason why a head is refused. The codes are label values of a metric: never rename one. */
export const Refused = {
  requestLine: refusal(400, 'request-line', 'the request line is not "METHOD SP target SP HTTP/1.x CRLF"'),
  methodTooLong: refusal(501, 'method-too-long', 'the method is longer than 32 characters'),
  methodDisabled: refusal(405, 'method-disabled', 'CONNECT and TRACE are not served'),
  target: refusal(400, 'target', 'the request target is malformed or ambiguous'),
  targetTooLong: refusal(414, 'target-too-long', 'the request target is too long'),
  version: refusal(505, 'version', 'only HTTP/1.0 and HTTP/1.1 are spoken here'),
  statusLine: refusal(400, 'status-line', 'the status line is not "HTTP/1.x SP status SP reason CRLF"'),
  headTooLong: refusal(431, 'head-too-long', 'the head is longer than the limit'),
  tooManyFields: refusal(431, 'too-many-fields', 'the head has more fields than the limit'),
  fieldName: refusal(400, 'field-name', 'a field name is empty, misspelt or not followed by a colon'),
  fieldValue: refusal(400, 'field-value', 'a field value holds a control character'),
  lineFolding: refusal(400, 'line-folding', 'a line begins with white space'),
  lineEnd: refusal(400, 'line-end', 'a line does not end with CR LF'),
  host: refusal(400, 'host', 'Host is missing, repeated or not "host[:port]"'),
  contentLength: refusal(400, 'content-length', 'Content-Length is repeated or not a plain decimal number'),
  transferEncoding: refusal(400, 'transfer-encoding', 'Transfer-Encoding is repeated or malformed'),
  transferCoding: refusal(501, 'transfer-coding', 'the only transfer coding understood is "chunked"'),
  codingInHttp10: refusal(400, 'transfer-encoding-http10', 'HTTP/1.0 has no Transfer-Encoding'),
  twoFramings: refusal(400, 'two-framings', 'Content-Length and Transfer-Encoding must not stand together'),
  connection: refusal(400, 'connection', 'Connection is not a list of names'),
  connectionNames: refusal(400, 'connection-names', 'Connection names a field that must reach the other side'),
  expect: refusal(417, 'expect', 'the only expectation understood is "100-continue"'),
  trailersTooLong: refusal(400, 'trailers-too-long', 'the trailer section is longer than the limit'),
  trailerFraming: refusal(400, 'trailer-framing', 'a trailer names the framing of the message'),
  chunkSize: refusal(400, 'chunk-size', 'a chunk size is not 1 to 15 hexadecimal digits below 2^53'),
  chunkExtension: refusal(400, 'chunk-extension', 'a chunk extension is malformed or too long'),
  chunkEnd: refusal(400, 'chunk-end', 'a chunk line or the data of a chunk does not end with CR LF'),
} as const;
