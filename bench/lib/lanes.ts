import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BULK_BYTES } from './backend.ts';
import { idleConnections } from './idle.ts';
import type { Peer } from './peers.ts';
import { run } from './process.ts';
import { dnsperf } from './udp.ts';

/** Where and how one load runs. */
export interface Target {
  /** The core of the load. */
  readonly core: number;
  readonly port: number;
  /** The proxy that listens there. */
  readonly pid: number;
  readonly seconds: number;
  /** For files. */
  readonly directory: string;
}

/**
 * What one load run found. `work`: requests, gigabytes for a bulk lane, connections for an idle one, which also says what the
 * proxy's memory grew by. Latencies in milliseconds.
 */
export interface Load {
  readonly work: number;
  readonly heldBytes?: number;
  readonly seconds: number;
  readonly errors: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface Lane {
  readonly name: string;
  readonly title: string;
  readonly unit: 'request' | 'GB' | 'connection';
  /** Each round measures a process that has served nothing before: `tcpCommand` of the peer. */
  readonly fresh?: true;
  /** Null when the peer has no such side. */
  port(peer: Peer): number | null;
  load(target: Target): Promise<Load>;
}

const UNITS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string | undefined): number | null {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '');
  return match ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1) : null;
}

/** Reads what `wrk --latency` prints. */
export function readWrk(output: string): Load {
  const total = /(\d+) requests in ([\d.]+)(s|m|ms)/.exec(output);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(output);
  const seconds = total ? Number(total[2]) * (total[3] === 'm' ? 60 : total[3] === 'ms' ? 0.001 : 1) : 0;
  const socketErrors = errors ? errors.slice(1).reduce((sum, text) => sum + Number(text), 0) : 0;
  return {
    work: Number(total?.[1] ?? 0),
    seconds,
    errors: socketErrors + Number(refused?.[1] ?? 0),
    p50: milliseconds(/50%\s+(\S+)/.exec(output)?.[1]),
    p99: milliseconds(/99%\s+(\S+)/.exec(output)?.[1]),
  };
}

async function wrk({ core, port, seconds }: Target, path: string, extra: readonly string[] = []): Promise<Load> {
  const url = `http://127.0.0.1:${port}${path}`;
  return readWrk(await run(core, ['wrk', '-t1', '-c64', `-d${seconds}s`, '--latency', ...extra, url]));
}

/** Five downloads, one after the other; curl says how many bytes came. */
async function bulk({ core, port }: Target): Promise<Load> {
  const started = performance.now();
  const url = `http://127.0.0.1:${port}/bulk`;
  let bytes = 0;
  for (let download = 0; download < 5; download++) {
    bytes += Number(await run(core, ['curl', '-s', '-o', '/dev/null', '-w', '%{size_download}', url]));
  }
  const complete = bytes === BULK_BYTES * 5;
  return {
    work: bytes / 1e9,
    seconds: (performance.now() - started) / 1000,
    errors: complete ? 0 : 1,
    p50: null,
    p99: null,
  };
}

const http = (peer: Peer) => peer.httpPort;
const tcp = (peer: Peer) => peer.tcpPort;

export const LANES: readonly Lane[] = [
  {
    name: 'http-small',
    title: 'HTTP keep-alive, small',
    unit: 'request',
    port: http,
    load: (target) => wrk(target, '/small'),
  },
  {
    name: 'http-100k',
    title: 'HTTP, 100 KB response',
    unit: 'request',
    port: http,
    load: (target) => wrk(target, '/100k'),
  },
  {
    name: 'http-post',
    title: 'HTTP, 64 KB POST',
    unit: 'request',
    port: http,
    load: (target) => {
      const script = join(target.directory, 'post.lua');
      writeFileSync(script, 'wrk.method = "POST"\nwrk.body = string.rep("z", 65536)\n');
      return wrk(target, '/post', ['-s', script]);
    },
  },
  {
    name: 'tcp-small',
    title: 'TCP keep-alive, small',
    unit: 'request',
    port: tcp,
    load: (target) => wrk(target, '/small'),
  },
  {
    name: 'tcp-connect',
    title: 'TCP, connection per request',
    unit: 'request',
    port: tcp,
    load: (target) => wrk(target, '/small', ['-H', 'Connection: close']),
  },
  {
    name: 'udp-query',
    title: 'UDP, DNS questions within sessions',
    unit: 'request',
    port: (peer) => peer.udp?.sessions ?? null,
    load: dnsperf,
  },
  {
    name: 'udp-session',
    title: 'UDP, a session per DNS question',
    unit: 'request',
    port: (peer) => peer.udp?.single ?? null,
    load: dnsperf,
  },
  { name: 'tcp-bulk', title: 'TCP, bulk', unit: 'GB', port: tcp, load: bulk },
  {
    name: 'tcp-idle',
    title: 'TCP, idle connections',
    unit: 'connection',
    fresh: true,
    port: tcp,
    load: idleConnections,
  },
];
