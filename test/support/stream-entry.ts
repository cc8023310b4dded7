import { StreamEnd } from '../../src/telemetry/stream-ends.ts';
import type { StreamEntry } from '../../src/telemetry/stream-entry.ts';

export function streamEntry(more: Partial<StreamEntry> = {}): StreamEntry {
  return {
    time: 1_700_000_000_000,
    listener: '0.0.0.0:5432',
    client: '192.0.2.1',
    clientPort: 40_000,
    peer: '10.9.9.9:50000',
    protocol: 'tcp',
    serverName: null,
    tls: null,
    bytesIn: 1,
    bytesOut: 2,
    datagramsIn: null,
    datagramsOut: null,
    connectMs: null,
    firstByteMs: null,
    durationMs: 3,
    route: 'r',
    upstream: 'u',
    tries: [],
    end: { by: 'client', phase: 'relay', reason: StreamEnd.clientClosed, cause: null },
    ...more,
  };
}
