import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAccessLine } from '../../src/telemetry/access-line.ts';
import { accessEntry } from '../support/access-entry.ts';

test('a line is one JSON object with everything that is known', () => {
  const line = formatAccessLine(
    accessEntry({
      time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
      durationMs: 12.34567,
      tries: [
        { node: '10.0.0.1:80', outcome: 'connectFailure', micros: 1500 },
        { node: '10.0.0.2:80', outcome: 'success', micros: 2500.4 },
      ],
      end: { by: 'upstream', phase: 'wait', cause: 'NODE_TIMEOUT' },
    }),
  );
  assert.ok(line.endsWith('}\n'));
  assert.deepEqual(JSON.parse(line), {
    time: '2026-01-02T03:04:05.006Z',
    listener: '0.0.0.0:9080',
    client: '192.0.2.1',
    method: 'GET',
    host: 'example.com',
    path: '/a',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes_in: 1,
    bytes_out: 2,
    duration_ms: 12.346,
    route: 'r',
    upstream: 'u',
    tries: [
      { node: '10.0.0.1:80', outcome: 'connect_failure', ms: 1.5 },
      { node: '10.0.0.2:80', outcome: 'success', ms: 2.5 },
    ],
    end: { by: 'upstream', phase: 'wait', cause: 'NODE_TIMEOUT' },
  });
});

test('what was not reached is null, not missing', () => {
  const parsed = JSON.parse(formatAccessLine(accessEntry({ route: null, upstream: null, durationMs: Number.NaN })));
  assert.equal(parsed.route, null);
  assert.equal(parsed.upstream, null);
  assert.deepEqual(parsed.tries, []);
  assert.equal(parsed.end.cause, null);
  assert.equal(parsed.duration_ms, null);
});

test('the query is not logged', () => {
  const line = formatAccessLine(accessEntry({ path: '/reset?token=s3cret&x=?' }));
  assert.equal(JSON.parse(line).path, '/reset');
  assert.ok(!line.includes('s3cret'));
});

test('the second of the time stamp follows the clock', () => {
  const times = [1000, 1999, 2000, 999, -1].map((time) => JSON.parse(formatAccessLine(accessEntry({ time }))).time);
  assert.deepEqual(times, [
    '1970-01-01T00:00:01.000Z',
    '1970-01-01T00:00:01.999Z',
    '1970-01-01T00:00:02.000Z',
    '1970-01-01T00:00:00.999Z',
    '1969-12-31T23:59:59.999Z',
  ]);
});

test('no input breaks the line or the JSON, and short input comes back as it was', () => {
  const text = fc.string({ unit: 'binary', maxLength: 100 }).map((part) => part.replaceAll('?', ''));
  fc.assert(
    fc.property(text, text, text, (path, host, method) => {
      const line = formatAccessLine(accessEntry({ path: `${path}"\\\r\n\u2028\ud800`, host, method }));
      assert.match(line, /^[ -~]+\n$/);
      const parsed = JSON.parse(line);
      assert.equal(parsed.path, `${path}"\\\r\n\u2028\ud800`);
      assert.equal(parsed.host, host);
      assert.equal(parsed.method, method);
    }),
  );
});

test('long values are cut, so that a line fits into one write to a pipe', () => {
  for (const unit of ['a', '\u00e9', '"']) {
    const line = formatAccessLine(accessEntry({ path: `/${unit.repeat(20_000)}`, host: 'h'.repeat(20_000) }));
    assert.ok(line.length < 4096, `${line.length} characters`);
    assert.ok(JSON.parse(line).path.endsWith('...'));
  }
});
