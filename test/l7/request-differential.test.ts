import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { Framing, RequestHead } from '../../src/l7/head.ts';
import { parseRequestHead } from '../../src/l7/request-head.ts';
import { HOSTILE_WORDS } from '../support/hostile-words.ts';
import { otherParser, requestsOf } from './other-parser.ts';
import { REQUEST_ROWS } from './request-rows.ts';

const LIMITS = { maxBytes: 16_384, maxFields: 100 };
const CASES = 40_000;
/** Methods that the other parser knows; ours takes any token. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: sentinel\r\n\r\n';

const WORDS = [...HOSTILE_WORDS, ';', '\xa0', '%', '#', '?', '\\', '@', '1'];

const LINES = [
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Host: b.example\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, x-a\r\n',
  'X-A: b\r\n',
  'Expect: 100-continue\r\n',
];

/** Changes a head in one to three places: bytes deleted, put in or replaced, lines put in, repeated, moved. */
function mutate(random: Random, raw: string): string {
  let text = raw;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(text.length + 1);
    const word = WORDS[random.below(WORDS.length)]!;
    const line = LINES[random.below(LINES.length)]!;
    const lineStart = text.indexOf('\r\n', at) + 2;
    const kinds = [
      () => text.slice(0, at) + text.slice(at + 1),
      () => text.slice(0, at) + word + text.slice(at),
      () => text.slice(0, at) + word + text.slice(at + word.length),
      () => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1),
      () => text.slice(0, lineStart) + line + text.slice(lineStart),
      () => text.slice(0, lineStart) + text.slice(text.lastIndexOf('\r\n', at) + 2, lineStart) + text.slice(lineStart),
    ];
    text = kinds[random.below(kinds.length)]!();
  }
  return text;
}

/** The body that goes with the framing that we read, and the text that the other parser should find in it. */
function bodyFor(head: RequestHead): readonly [wire: string, data: string] {
  if (head.framing === Framing.chunked) return ['4\r\nGET \r\n0\r\n\r\n', 'GET '];
  if (head.framing === Framing.none) return ['', ''];
  const data = 'GET / HTTP/1.1\r\n\r\n'.padEnd(head.contentLength, 'x').slice(0, head.contentLength);
  return [data, data];
}

function headsToTry(random: Random): string[] {
  const bases = REQUEST_ROWS.map(([, raw]) => raw).filter((raw) => raw.length < 500);
  return [...bases, ...Array.from({ length: CASES }, () => mutate(random, bases[random.below(bases.length)]!))];
}

describe('parseRequestHead beside node:http', () => {
  it('accepts nothing that the strict parser of Node refuses or reads in another way', async () => {
    const server = otherParser();
    const head = new RequestHead();
    let accepted = 0;
    for (const raw of headsToTry(seededRandom(2026))) {
      const bytes = Buffer.from(raw, 'latin1');
      const taken = parseRequestHead(bytes, 0, bytes.length, LIMITS, head);
      if (taken <= 0 || !METHODS.has(head.method) || head.contentLength > 4096) continue;
      accepted += 1;
      const [wire, data] = bodyFor(head);
      const goesOn = head.keepAlive && !/upgrade/i.test(raw);
      const whole = Buffer.concat([bytes.subarray(0, taken), Buffer.from(goesOn ? wire + SENTINEL : wire, 'latin1')]);
      const { seen, error } = await requestsOf(server, whole, goesOn ? 2 : 1);
      const url = raw.replace(/^\r\n/, '').split(' ')[1];
      assert.equal(error, null, JSON.stringify(raw));
      assert.deepEqual(seen[0], { method: head.method, url, body: data }, JSON.stringify(raw));
      if (goesOn) assert.deepEqual(seen[1], { method: 'GET', url: '/sentinel', body: '' }, JSON.stringify(raw));
    }
    server.close();
    assert.ok(accepted > 500, `only ${accepted} heads were compared`);
  });

  it('judges changed heads the same in one piece and byte by byte', () => {
    const head = new RequestHead();
    const verdictOf = (taken: number) => (taken < 0 ? head.rejection!.code : JSON.stringify({ taken, head }));
    for (const raw of headsToTry(seededRandom(1)).slice(0, 4000)) {
      const bytes = Buffer.from(raw, 'latin1');
      const whole = verdictOf(parseRequestHead(bytes, 0, bytes.length, LIMITS, head));
      let taken = 0;
      let end = 0;
      while (taken === 0 && end < bytes.length) taken = parseRequestHead(bytes, 0, ++end, LIMITS, head);
      if (taken === 0) assert.equal(parseRequestHead(bytes, 0, bytes.length, LIMITS, head), 0, JSON.stringify(raw));
      else assert.equal(verdictOf(taken), whole, JSON.stringify(raw));
    }
  });
});
