import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ChunkedScanner, type ChunkedSink } from '../../src/l7/chunked.ts';

interface Outcome {
  readonly out: string;
  /** Bytes of the input that belong to the body; -1 when it was refused. */
  readonly taken: number;
  readonly error: string | null;
  readonly done: boolean;
  readonly stretches: number;
}

class Collector implements ChunkedSink {
  out = '';
  stretches = 0;

  raw(buffer: Buffer, start: number, end: number): void {
    assert.ok(start < end, 'an empty stretch was reported');
    this.out += buffer.toString('latin1', start, end);
    this.stretches += 1;
  }

  text(text: string): void {
    this.out += text;
  }
}

/** Feeds the body in parts that end at `cuts`, each in a buffer of its own with bytes around it that are not its. */
function scan(body: string, cuts: readonly number[] = [], decode = false, scanner = new ChunkedScanner()): Outcome {
  const sink = new Collector();
  scanner.reset(decode);
  let from = 0;
  for (const cut of [...cuts, body.length]) {
    const bytes = Buffer.from(`5\r\n${body.slice(from, cut)}0\r\n\r\n`, 'latin1');
    const end = bytes.length - 5;
    const at = scanner.scan(bytes, 3, end, sink);
    if (at < 0) return outcome(sink, scanner, -1);
    if (scanner.done) return outcome(sink, scanner, from + at - 3);
    assert.equal(at, end, 'bytes were left though the body is not done');
    from = cut;
  }
  return outcome(sink, scanner, from);
}

function outcome(sink: Collector, scanner: ChunkedScanner, taken: number): Outcome {
  return { out: sink.out, taken, error: scanner.error?.code ?? null, done: scanner.done, stretches: sink.stretches };
}

const CLEAN: readonly (readonly [body: string, data: string])[] = [
  ['0\r\n\r\n', ''],
  ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['a\r\n0123456789\r\n00000\r\n\r\n', '0123456789'],
  ['000000000000001\r\nx\r\n0\r\n\r\n', 'x'],
  ['2\r\n\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n', '\r\n0\r\n'],
  [`10\r\n${'\x00\xff'.repeat(8)}\r\n1\r\ny\r\n0\r\n\r\n`, `${'\x00\xff'.repeat(8)}y`],
];

const CHANGED: readonly (readonly [name: string, body: string, raw: string, data: string])[] = [
  ['extension', '5;a=b\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['extension in quotes', '5;a="b;c"\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['extension with an escape', '5;a="b\\"\xff";c\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['extensions everywhere', '1;a\r\nx\r\n1;b;c\r\ny\r\n0;d\r\n\r\n', '1\r\nx\r\n1\r\ny\r\n0\r\n\r\n', 'xy'],
  ['trailer that is dropped', '1\r\nx\r\n0\r\nX-User: root\r\n\r\n', '1\r\nx\r\n0\r\n\r\n', 'x'],
  ['trailer that stays', '0\r\nGrpc-Status: 0\r\n\r\n', '0\r\nGrpc-Status: 0\r\n\r\n', ''],
  [
    'trailers that are sorted out',
    '0\r\nCookie: a\r\ngrpc-message: ok\r\nAuthorization: b\r\nHost: c\r\nX-Forwarded-For: d\r\nDigest:e\r\nSet-Cookie: f\r\n\r\n',
    '0\r\ngrpc-message: ok\r\nDigest:e\r\n\r\n',
    '',
  ],
  ['trailer with an underscore', '0\r\ngrpc_status: 0\r\n\r\n', '0\r\n\r\n', ''],
];

const REFUSED: readonly (readonly [name: string, body: string, code: string])[] = [
  ['no size', '\r\nx', 'chunk-size'],
  ['0x', '0x1\r\nx\r\n', 'chunk-size'],
  ['plus', '+1\r\nx\r\n', 'chunk-size'],
  ['minus', '-1\r\nx\r\n', 'chunk-size'],
  ['blank before', ' 1\r\nx\r\n', 'chunk-size'],
  ['blank behind', '1 \r\nx\r\n', 'chunk-size'],
  ['blank before an extension', '1 ;a\r\nx\r\n', 'chunk-size'],
  ['tab behind', '1\t\r\nx\r\n', 'chunk-size'],
  ['letter', 'g\r\n', 'chunk-size'],
  ['underscore', '1_0\r\n', 'chunk-size'],
  ['comma', '1,\r\n', 'chunk-size'],
  ['only an extension', ';a\r\n', 'chunk-size'],
  ['sixteen digits', '0000000000000001\r\nx\r\n', 'chunk-size'],
  ['overflow of 64 bits', 'fffffffffffffffff\r\nx', 'chunk-size'],
  ['2^53', '20000000000000\r\nx', 'chunk-size'],
  ['bare LF behind the size', '1\nx\r\n', 'chunk-end'],
  ['bare CR behind the size', '1\rx\r\n', 'chunk-end'],
  ['CR CR LF', '1\r\r\nx', 'chunk-end'],
  ['bare LF behind the data', '1\r\nx\n0\r\n\r\n', 'chunk-end'],
  ['bare CR behind the data', '1\r\nx\r0\r\n\r\n', 'chunk-end'],
  ['more data than told', '1\r\nxy\r\n0\r\n\r\n', 'chunk-end'],
  ['less data than told', '3\r\nx\r\n0\r\n\r\n', 'chunk-end'],
  ['bare LF in an extension', '1;a\nx', 'chunk-extension'],
  ['bare CR in an extension', '1;a\rb\r\nx', 'chunk-end'],
  ['NUL in an extension', '1;\0\r\nx', 'chunk-extension'],
  ['empty extension', '1;\r\nx', 'chunk-extension'],
  ['two semicolons', '1;;a\r\nx', 'chunk-extension'],
  ['extension without a name', '1;=a\r\nx', 'chunk-extension'],
  ['extension without a value', '1;a=\r\nx', 'chunk-extension'],
  ['extension with two values', '1;a=b=c\r\nx', 'chunk-extension'],
  ['extension with an open quote', '1;a="b\r\nx', 'chunk-extension'],
  ['extension behind quotes', '1;a="b"c\r\nx', 'chunk-extension'],
  ['quote within a value', '1;a=b"\r\nx', 'chunk-extension'],
  ['blank in an extension', '1; a\r\nx', 'chunk-extension'],
  ['line end in quotes', '1;a="\\\r\n"\r\nx', 'chunk-extension'],
  ['long extension', `1;${'a'.repeat(16_384)}\r\nx`, 'chunk-extension'],
  ['many extensions', `1;${'a'.repeat(1023)}\r\nx\r\n`.repeat(17), 'chunk-extension'],
  ['bare LF at the end', '0\r\n\n', 'line-end'],
  ['bare CR at the end', '0\r\n\rX', 'line-end'],
  ['Content-Length in a trailer', '0\r\nContent-Length: 5\r\n\r\n', 'trailer-framing'],
  ['Transfer-Encoding in a trailer', '0\r\ntransfer-encoding: chunked\r\n\r\n', 'trailer-framing'],
  ['trailer without a colon', '0\r\nGET / HTTP/1.1\r\n\r\n', 'field-name'],
  ['trailer with a blank before the colon', '0\r\nX : 1\r\n\r\n', 'field-name'],
  ['folded trailer', '0\r\nDigest: 1\r\n 2\r\n\r\n', 'line-folding'],
  ['control character in a trailer', '0\r\nX: \x01\r\n\r\n', 'field-value'],
  ['bare LF in a trailer', '0\r\nX: 1\n\r\n', 'line-end'],
  ['trailers that are too long', `0\r\n${'X: 1\r\n'.repeat(2000)}\r\n`, 'trailers-too-long'],
  ['trailer that is too long', `0\r\nX: ${'a'.repeat(9000)}\r\n\r\n`, 'trailers-too-long'],
];

describe('ChunkedScanner', () => {
  it('passes a clean body on in one stretch, and its data alone when decoding', () => {
    for (const [body, data] of CLEAN) {
      const raw = scan(body);
      assert.deepEqual(raw, { out: body, taken: body.length, error: null, done: true, stretches: 1 }, body);
      assert.equal(scan(body, [], true).out, data, body);
    }
  });

  it('leaves out extensions and the trailers that are not allowed', () => {
    for (const [name, body, raw, data] of CHANGED) {
      assert.equal(scan(body).out, raw, name);
      assert.equal(scan(body).taken, body.length, name);
      assert.equal(scan(body, [], true).out, data, name);
    }
  });

  it('refuses what is not exactly a chunked body', () => {
    for (const [name, body, code] of REFUSED) {
      assert.equal(scan(body).error, code, name);
      assert.equal(scan(body, [], true).error, code, `${name}, decoding`);
    }
  });

  it('gives the same result wherever the body is cut', () => {
    const bodies = [
      ...CLEAN.map(([body]) => body),
      ...CHANGED.map(([, body]) => body),
      ...REFUSED.map(([, body]) => body),
    ];
    for (const body of bodies.filter((each) => each.length < 500)) {
      for (const decode of [false, true]) {
        const { out, taken, error, done } = scan(body, [], decode);
        for (let cut = 1; cut < body.length; cut++) {
          const parts = scan(body, [cut], decode);
          if (error === null)
            assert.deepEqual([parts.out, parts.taken, parts.done], [out, taken, done], `${body} at ${cut}`);
          assert.equal(parts.error, error, `${body} at ${cut}`);
        }
        const single = scan(
          body,
          Array.from({ length: body.length - 1 }, (_, i) => i + 1),
          decode,
        );
        assert.deepEqual([single.error, single.taken, single.done], [error, taken, done], `${body} byte by byte`);
        if (error === null) assert.equal(single.out, out, `${body} byte by byte`);
      }
    }
  });

  it('stops behind the body: what follows belongs to the next message', () => {
    for (const body of [...CLEAN.map(([each]) => each), ...CHANGED.map(([, each]) => each)]) {
      const { taken, out, done } = scan(`${body}GET / HTTP`);
      assert.equal(taken, body.length);
      assert.equal(done, true);
      assert.doesNotMatch(out, /GET/);
    }
  });

  it('is not done as long as the end is missing', () => {
    for (const [body] of CLEAN) {
      for (let end = 0; end < body.length; end++) assert.equal(scan(body.slice(0, end)).done, false, body);
    }
  });

  it('is as new after a reset, whatever it was in the middle of', () => {
    const scanner = new ChunkedScanner();
    for (const half of ['5\r\nhe', '5;a', '0\r\nX-A', '1\r\nxy', `1;${'a'.repeat(16_382)}`]) {
      scan(half, [], true, scanner);
      assert.equal(scan('5;aaa\r\nhello\r\n0\r\n\r\n', [], false, scanner).out, '5\r\nhello\r\n0\r\n\r\n', half);
    }
  });

  it('round trip: any data in any chunks, cut anywhere, comes out as it went in', () => {
    const chunk = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      minLength: 1,
    });
    const extension = fc.constantFrom('', '', ';x', ';name="va;lue"');
    const trailers = fc.constantFrom('', '', 'Digest: a\r\n', 'X-User: b\r\ngrpc-status: 0\r\n');
    const bodies = fc.tuple(fc.array(fc.tuple(chunk, extension)), trailers);
    fc.assert(
      fc.property(bodies, fc.array(fc.nat()), ([chunks, trailer], positions) => {
        const frame = (text: string, extra: string) => `${text.length.toString(16)}${extra}\r\n${text}\r\n`;
        const body = `${chunks.map(([text, extra]) => frame(text, extra)).join('')}0\r\n${trailer}\r\n`;
        const cuts = [...new Set(positions.map((position) => position % body.length))].sort((a, b) => a - b);
        const decoded = scan(body, cuts, true);
        assert.equal(decoded.error, null);
        assert.equal(decoded.out, chunks.map(([text]) => text).join(''));
        const forwarded = scan(body, cuts).out;
        assert.equal(scan(forwarded, [], true).out, decoded.out);
        assert.equal(scan(forwarded).out, forwarded);
        assert.ok(!forwarded.includes('X-User'));
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});
