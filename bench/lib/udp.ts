import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binaries } from './binaries.ts';
import type { Load, Target } from './lanes.ts';
import { type Running, run, start, waitForPort } from './process.ts';

const PORTS = [19_053, 19_054, 19_055, 19_056] as const;
/** The four nodes of the UDP lanes, `host:port`. */
export const UDP_NODES = PORTS.map((port) => `127.0.0.1:${port}`);

/** One BIND that answers as four nodes; null where it is not installed, and the UDP lanes are left out. */
export async function startNameServer(core: number, directory: string): Promise<Running | null> {
  const named = binaries.named();
  if (!named) return null;
  const root = join(directory, 'named');
  mkdirSync(root, { recursive: true });
  writeFileSync(
    join(root, 'zone'),
    `$ORIGIN bench.example.
$TTL 60
@ IN SOA ns root 1 60 60 60 60
@ IN NS ns
ns IN A 127.0.0.1
web IN A 10.0.0.1
`,
  );
  writeFileSync(join(root, 'questions'), 'web.bench.example A\n');
  const file = join(root, 'named.conf');
  writeFileSync(
    file,
    `options { directory "${root}"; pid-file none; session-keyfile none; managed-keys-directory "${root}";
  ${PORTS.map((port) => `listen-on port ${port} { 127.0.0.1; };`).join(' ')} listen-on-v6 { none; };
  recursion no; dnssec-validation no; minimal-responses yes; notify no; };
controls { };
zone "bench.example" { type primary; file "${join(root, 'zone')}"; };
`,
  );
  const running = start(core, [named.path, '-g', '-4', '-n', '1', '-c', file]);
  for (const port of PORTS) await waitForPort(port, running.output);
  return running;
}

/** Reads what dnsperf prints. It has no percentiles without verbose output. */
export function readDnsperf(output: string): Load {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0);
  return {
    work: number(/Queries completed: +(\d+)/),
    seconds: number(/Run time \(s\): +([\d.]+)/),
    errors: number(/Queries lost: +(\d+)/),
    p50: null,
    p99: null,
  };
}

/** Sixty-four clients with a question under way each. */
export async function dnsperf({ core, port, seconds, directory }: Target): Promise<Load> {
  const questions = join(directory, 'named', 'questions');
  const load = ['-c', '64', '-q', '64', '-T', '1', '-l', String(seconds)];
  return readDnsperf(await run(core, ['dnsperf', '-s', '127.0.0.1', '-p', String(port), '-d', questions, ...load]));
}
