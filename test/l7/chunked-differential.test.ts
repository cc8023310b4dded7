import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { ChunkedScanner } from '../../src/l7/chunked.ts';
import { otherParser, requestsOf } from './other-parser.ts';

const CASES = 30_000;
const HEAD = 'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: sentinel\r\n\r\n';

const BODIES = [
  '0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '5;a=b\r\nhello\r\nA;c="d;e"\r\n0123456789\r\n0;f\r\n\r\n',
  '2\r\n\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n',
  '1\r\nx\r\n0\r\nDigest: a\r\nX-User: b\r\n\r\n',
  '001\r\nx\r\n00\r\ngrpc-status: 0\r\n\r\n',
];
const WORDS = [
  '\r',
  '\n',
  '\r\n',
  '0',
  '1',
  'a',
  'F',
  ';',
  '=',
  '"',
  ' ',
  '\t',
  ':',
  '+',
  '-',
  'x',
  '\0',
  '\x80',
  '0\r\n\r\n',
];

function mutate(random: Random, body: string): string {
  let text = body;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(text.length + 1);
    const word = WORDS[random.below(WORDS.length)]!;
    const kind = random.below(3);
    text = text.slice(0, at) + (kind === 0 ? '' : word) + text.slice(kind === 1 ? at : at + 1);
  }
  return text;
}

/** What is passed on of the body, and how many of its bytes belong to it; null when it is refused or not complete. */
function scan(body: string, decode: boolean): { readonly out: string; readonly taken: number } | null {
  const bytes = Buffer.from(body, 'latin1');
  const scanner = new ChunkedScanner();
  let out = '';
  scanner.reset(decode);
  const taken = scanner.scan(bytes, 0, bytes.length, {
    raw: (buffer, start, end) => (out += buffer.toString('latin1', start, end)),
    text: (text) => (out += text),
  });
  return scanner.done ? { out, taken } : null;
}

describe('ChunkedScanner beside node:http', () => {
  it('accepts and passes on nothing that the strict parser of Node refuses or reads in another way', async () => {
    const server = otherParser();
    const random = seededRandom(2026);
    let accepted = 0;
    for (let i = 0; i < CASES; i++) {
      const base = BODIES[i % BODIES.length]!;
      const body = i < BODIES.length ? base : mutate(random, base);
      const decoded = scan(body, true);
      const forwarded = scan(body, false);
      assert.equal(decoded?.taken, forwarded?.taken, JSON.stringify(body));
      if (decoded === null || forwarded === null) continue;
      accepted += 1;
      for (const wire of [body.slice(0, decoded.taken), forwarded.out]) {
        const { seen, error } = await requestsOf(server, Buffer.from(HEAD + wire + SENTINEL, 'latin1'), 2);
        assert.equal(error, null, JSON.stringify(wire));
        assert.deepEqual(seen[0], { method: 'POST', url: '/x', body: decoded.out }, JSON.stringify(wire));
        assert.equal(seen[1]?.url, '/sentinel', JSON.stringify(wire));
      }
    }
    server.close();
    assert.ok(accepted > 1000, `only ${accepted} bodies were compared`);
  });
});
