import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAM_END_NAMES, StreamEnd } from '../../src/telemetry/stream-ends.ts';
import { formatStreamLine } from '../../src/telemetry/stream-line.ts';
import { streamEntry } from '../support/stream-entry.ts';

test('a line is one JSON object with everything that is known', () => {
  const line = formatStreamLine(
    streamEntry({
      time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
      protocol: 'tls',
      serverName: 'db.example',
      tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
      connectMs: 1.5,
      firstByteMs: 2.25,
      durationMs: 12.34567,
      tries: [
        { node: '10.0.0.1:5432', outcome: 'connectFailure', micros: 500 },
        { node: '10.0.0.2:5432', outcome: 'reset', micros: 700.4 },
      ],
      end: { by: 'upstream', phase: 'relay', reason: StreamEnd.upstreamReset, cause: 'ECONNRESET' },
    }),
  );
  assert.ok(line.endsWith('}\n'));
  assert.deepEqual(JSON.parse(line), {
    time: '2026-01-02T03:04:05.006Z',
    listener: '0.0.0.0:5432',
    client: '192.0.2.1',
    client_port: 40_000,
    peer: '10.9.9.9:50000',
    protocol: 'tls',
    server_name: 'db.example',
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    bytes_in: 1,
    bytes_out: 2,
    datagrams_in: null,
    datagrams_out: null,
    connect_ms: 1.5,
    first_byte_ms: 2.25,
    duration_ms: 12.346,
    route: 'r',
    upstream: 'u',
    tries: [
      { node: '10.0.0.1:5432', outcome: 'connect_failure', ms: 0.5 },
      { node: '10.0.0.2:5432', outcome: 'reset', ms: 0.7 },
    ],
    end: { by: 'upstream', phase: 'relay', reason: 'upstream_reset', cause: 'ECONNRESET' },
  });
});

test('what was not reached is null, not missing; datagrams are counted for UDP', () => {
  const parsed = JSON.parse(
    formatStreamLine(streamEntry({ route: null, upstream: null, protocol: 'udp', datagramsIn: 3, datagramsOut: 0 })),
  );
  for (const field of ['route', 'upstream', 'server_name', 'tls', 'connect_ms', 'first_byte_ms']) {
    assert.equal(parsed[field], null, field);
  }
  assert.deepEqual([parsed.datagrams_in, parsed.datagrams_out], [3, 0]);
  assert.deepEqual(parsed.tries, []);
  assert.equal(parsed.end.cause, null);
});

test('every way to end has a name of its own, as it stands in the metric', () => {
  const names = Object.values(StreamEnd).map((reason) => {
    const line = formatStreamLine(streamEntry({ end: { by: 'self', phase: 'relay', reason, cause: null } }));
    return JSON.parse(line).end.reason;
  });
  assert.deepEqual(names, STREAM_END_NAMES);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z_]+$/);
});

test('what a client says can not break the line, and makes it no longer than a pipe takes in one piece', () => {
  const serverName = 'db"\\\r\n\u2028\ud800\u0000.example","end":{}}';
  const line = formatStreamLine(streamEntry({ serverName }));
  assert.match(line, /^[ -~]+\n$/);
  assert.equal(JSON.parse(line).server_name, serverName);
  assert.ok(formatStreamLine(streamEntry({ serverName: '"'.repeat(20_000) })).length < 4096);
});
