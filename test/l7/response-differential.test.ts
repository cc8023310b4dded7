import assert from 'node:assert/strict';
import { request } from 'node:http';
import { duplexPair } from 'node:stream';
import { describe, it } from 'node:test';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { Framing, ResponseHead } from '../../src/l7/head.ts';
import { parseResponseHead } from '../../src/l7/response-head.ts';
import { HOSTILE_WORDS } from '../support/hostile-words.ts';

const LIMITS = { maxBytes: 16_384, maxFields: 100 };
const CASES = 12_000;

const STARTS = [
  'HTTP/1.1 200 OK',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 x',
  'HTTP/1.1 500 ',
];
const LINES = [
  'Content-Length: 3',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Connection: close',
  'Connection: keep-alive',
  'Content-Type: text/plain',
  'Set-Cookie: a=b; path=/',
  'X-A:  b ',
  'Trailer: Digest',
  'Keep-Alive: timeout=5',
];
const WORDS = [...HOSTILE_WORDS, '9', 'close'];

/** A head of up to four fields, changed in up to two places. */
function someHead(random: Random): string {
  const lines = [STARTS[random.below(STARTS.length)]!];
  for (let left = random.below(5); left > 0; left--) lines.push(LINES[random.below(LINES.length)]!);
  let text = `${lines.join('\r\n')}\r\n\r\n`;
  for (let left = random.below(3); left > 0; left--) {
    const at = random.below(text.length + 1);
    const kind = random.below(3);
    const word = WORDS[random.below(WORDS.length)]!;
    text = text.slice(0, at) + (kind === 0 ? '' : word) + text.slice(kind === 1 ? at : at + 1);
  }
  return text;
}

function bodyFor(head: ResponseHead): readonly [wire: string, data: string] {
  if (head.framing === Framing.chunked) return ['4\r\nHTTP\r\n0\r\n\r\n', 'HTTP'];
  if (head.framing === Framing.none) return ['', ''];
  const data =
    head.framing === Framing.close
      ? 'HTTP/1.1 200 OK\r\n\r\n'
      : 'HTTP/1.1'.padEnd(head.contentLength, 'x').slice(0, head.contentLength);
  return [data, data];
}

interface Seen {
  readonly status: number;
  readonly body: string;
  readonly complete: boolean;
}

/** What Node's own client makes of the bytes as the answer to one request; or its complaint. */
function responseOf(method: string, bytes: Buffer): Promise<Seen | string> {
  const [near, far] = duplexPair();
  return new Promise((resolve) => {
    const asked = request({ createConnection: () => near, method, headers: { host: 'a' } }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (text: string) => (body += text));
      response.on('close', () => resolve({ status: response.statusCode ?? 0, body, complete: response.complete }));
      response.on('error', (error) => resolve(error.message));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end();
    far.resume();
    far.end(bytes);
  });
}

describe('parseResponseHead beside node:http', () => {
  it('accepts nothing that the strict parser of Node refuses or reads in another way', async () => {
    const random = seededRandom(2026);
    const head = new ResponseHead();
    let accepted = 0;
    for (let i = 0; i < CASES; i++) {
      const method = i % 5 === 0 ? 'HEAD' : 'GET';
      const raw = someHead(random);
      const bytes = Buffer.from(raw, 'latin1');
      const taken = parseResponseHead(bytes, 0, bytes.length, LIMITS, method, head);
      if (taken <= 0 || head.status < 200 || head.contentLength > 4096) continue;
      accepted += 1;
      const [wire, data] = bodyFor(head);
      const whole = Buffer.concat([bytes.subarray(0, taken), Buffer.from(wire, 'latin1')]);
      const seen = await responseOf(method, whole);
      assert.deepEqual(seen, { status: head.status, body: data, complete: true }, `${method} ${JSON.stringify(raw)}`);
    }
    assert.ok(accepted > 2000, `only ${accepted} heads were compared`);
  });
});
