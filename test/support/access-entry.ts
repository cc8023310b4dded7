import type { AccessEntry } from '../../src/telemetry/access-log.ts';

export function accessEntry(more: Partial<AccessEntry> = {}): AccessEntry {
  return {
    time: 1_700_000_000_000,
    listener: '0.0.0.0:9080',
    client: '192.0.2.1',
    method: 'GET',
    host: 'example.com',
    path: '/a',
    protocol: 'HTTP/1.1',
    status: 200,
    bytesIn: 1,
    bytesOut: 2,
    durationMs: 3,
    route: 'r',
    upstream: 'u',
    tries: [],
    end: { by: 'self', phase: 'done', cause: null },
    ...more,
  };
}
