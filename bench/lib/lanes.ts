import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BULK_BYTES } from './backend.ts';
import type { Peer } from './peers.ts';
import { run } from './process.ts';
import { dnsperf } from './udp.ts';

/** What one load run found. `work`: requests, or gigabytes for a bulk lane. Latencies in milliseconds. */
export interface Load {
  readonly work: number;
  readonly seconds: number;
  readonly errors: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface Lane {
  readonly name: string;
  readonly title: string;
  readonly unit: 'request' | 'GB';
  /** Null when the peer has no such side. */
  port(peer: Peer): number | null;
  load(core: number, port: number, seconds: number, directory: string): Promise<Load>;
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

async function wrk(core: number, port: number, seconds: number, path: string, extra: readonly string[]): Promise<Load> {
  const url = `http://127.0.0.1:${port}${path}`;
  return readWrk(await run(core, ['wrk', '-t1', '-c64', `-d${seconds}s`, '--latency', ...extra, url]));
}

/** Five downloads, one after the other; curl says how many bytes came. */
async function bulk(core: number, port: number): Promise<Load> {
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
    load: (core, port, seconds) => wrk(core, port, seconds, '/small', []),
  },
  {
    name: 'http-100k',
    title: 'HTTP, 100 KB response',
    unit: 'request',
    port: http,
    load: (core, port, seconds) => wrk(core, port, seconds, '/100k', []),
  },
  {
    name: 'http-post',
    title: 'HTTP, 64 KB POST',
    unit: 'request',
    port: http,
    load: (core, port, seconds, directory) => {
      const script = join(directory, 'post.lua');
      writeFileSync(script, 'wrk.method = "POST"\nwrk.body = string.rep("z", 65536)\n');
      return wrk(core, port, seconds, '/post', ['-s', script]);
    },
  },
  {
    name: 'tcp-small',
    title: 'TCP keep-alive, small',
    unit: 'request',
    port: tcp,
    load: (core, port, seconds) => wrk(core, port, seconds, '/small', []),
  },
  {
    name: 'tcp-connect',
    title: 'TCP, connection per request',
    unit: 'request',
    port: tcp,
    load: (core, port, seconds) => wrk(core, port, seconds, '/small', ['-H', 'Connection: close']),
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
  { name: 'tcp-bulk', title: 'TCP, bulk', unit: 'GB', port: tcp, load: (core, port) => bulk(core, port) },
];
