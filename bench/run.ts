/**
 * Measures Headgate and its peers side by side: alternately, on the same backend, one core for the proxy.
 *
 *   npm run bench -- [--rounds 3] [--seconds 4] [--peers headgate,nginx] [--lanes http-small,tcp-idle] [--name quick]
 *
 * Writes bench/results/<name>.json and .md. Needs two cores, nginx (the backend), wrk and curl: bench/install-peers.sh.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBackend } from './lib/backend.ts';
import { hasProgram } from './lib/binaries.ts';
import { LANES, type Lane, type Target } from './lib/lanes.ts';
import { type Peer, preparePeers } from './lib/peers.ts';
import { cpuSeconds, type Running, residentBytes, start, waitForPort } from './lib/process.ts';
import { cost, type Machine, report, type Sample, UNITS } from './lib/report.ts';
import { startNameServer } from './lib/udp.ts';

const LOAD_CORE = 0;
const PROXY_CORE = 1;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    peers: { type: 'string', default: '' },
    lanes: { type: 'string', default: '' },
    name: { type: 'string', default: new Date().toISOString().slice(0, 10) },
  },
});

const list = (text: string) => text.split(',').filter((part) => part !== '');

function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    kernel: release(),
    date: new Date().toISOString().slice(0, 10),
  };
}

async function measure(
  lane: Lane,
  peer: Peer,
  running: Running,
  round: number,
  directory: string,
): Promise<Sample | null> {
  const port = lane.port(peer);
  if (port === null) return null;
  const target: Target = { core: LOAD_CORE, port, pid: running.pid, seconds: Number(values.seconds), directory };
  if (round === 1 && lane.unit === 'request') await lane.load({ ...target, seconds: 2 });
  const before = cpuSeconds(running.pid);
  const load = await lane.load(target);
  const used = cpuSeconds(running.pid) - before;
  return {
    ...load,
    lane: lane.name,
    peer: peer.name,
    round,
    cpuSeconds: used,
    residentBytes: residentBytes(running.pid),
  };
}

async function startPeer(command: readonly string[], port: number): Promise<Running> {
  const running = start(PROXY_CORE, command);
  try {
    await waitForPort(port, running.output);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** Measures a process of the peer that has done nothing else, in place of the one that stands by. */
async function measureFresh(
  lane: Lane,
  peer: Peer,
  proxies: Map<string, Running>,
  round: number,
  directory: string,
): Promise<Sample | null> {
  const port = lane.port(peer);
  if (port === null) return null;
  await proxies.get(peer.name)!.stop();
  const running = await startPeer(peer.tcpCommand, port);
  try {
    return await measure(lane, peer, running, round, directory);
  } finally {
    await running.stop();
    proxies.set(peer.name, await startPeer(peer.command, peer.httpPort));
  }
}

async function measureAll(directory: string): Promise<void> {
  const { peers, missing } = preparePeers(directory, list(values.peers));
  if (missing.length > 0) console.log(`not installed, left out: ${missing.join(', ')} (bench/install-peers.sh)`);
  const wanted = list(values.lanes);
  let lanes = LANES.filter((lane) => wanted.length === 0 || wanted.includes(lane.name));
  const samples: Sample[] = [];
  const started: Running[] = [];
  const proxies = new Map<string, Running>();
  try {
    started.push(await startBackend(LOAD_CORE, directory));
    const names = hasProgram('dnsperf') ? await startNameServer(LOAD_CORE, directory) : null;
    if (names) started.push(names);
    else lanes = lanes.filter(({ name }) => !name.startsWith('udp-'));
    for (const peer of peers) proxies.set(peer.name, await startPeer(peer.command, peer.httpPort));
    await pause(1000);
    for (const lane of lanes) {
      for (let round = 1; round <= Number(values.rounds); round++) {
        for (const peer of peers) {
          const sample = lane.fresh
            ? await measureFresh(lane, peer, proxies, round, directory)
            : await measure(lane, peer, proxies.get(peer.name)!, round, directory);
          if (!sample) continue;
          samples.push(sample);
          const found = `${cost(sample, lane.unit).toFixed(1)} ${UNITS[lane.unit].cost}`;
          console.log(`${lane.name} ${round} ${peer.name}: ${found}, errors ${sample.errors}`);
        }
      }
    }
  } finally {
    for (const running of [...proxies.values(), ...started.reverse()]) await running.stop();
  }
  save(lanes, peers, samples);
}

function save(lanes: readonly Lane[], peers: readonly Peer[], samples: readonly Sample[]): void {
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const about = machine();
  const versions = Object.fromEntries(peers.map((peer) => [peer.name, peer.version]));
  const data = {
    machine: about,
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    versions,
    samples,
  };
  writeFileSync(join(results, `${values.name}.json`), `${JSON.stringify(data, null, 1)}\n`);
  const page = report(lanes, peers, samples, about);
  writeFileSync(join(results, `${values.name}.md`), page);
  console.log(`\n${page}`);
}

if (cpus().length < 2) throw new Error('the bench needs two cores: one for the proxy, one for the load');
for (const program of ['wrk', 'curl', 'taskset']) {
  if (!hasProgram(program)) throw new Error(`the bench needs ${program}: run bench/install-peers.sh`);
}
const directory = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
// nginx's workers run as another user when the bench runs as root.
chmodSync(directory, 0o755);
try {
  await measureAll(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
