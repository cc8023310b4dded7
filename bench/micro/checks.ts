/**
 * What active checks cost the control thread: `node bench/micro/checks.ts [nodes] [interval seconds] [type…]`. By default
 * 10,000 nodes every 5 s, each type for 20 s. The nodes are addresses in 127.0.0.0/8 behind one listener in a process of its
 * own, so that each has connections and state of its own. Prints the CPU time that this process, which does nothing else, took.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { systemRandom } from '../../src/core/random.ts';
import { HealthMonitor } from '../../src/health/monitor.ts';
import type { ActiveCheckPlan, HealthTarget, Question } from '../../src/health/types.ts';

const MEASURE_MS = 20_000;
const UPSTREAMS = 100;
const [nodes = '10000', seconds = '5', ...types] = process.argv.slice(2);
const intervalMs = Number(seconds) * 1000;

const http: Question = {
  type: 'http',
  tls: null,
  method: 'GET',
  path: '/healthz',
  host: null,
  headers: [],
  healthyStatuses: [200],
  unhealthyStatuses: [500],
  expectBody: null,
  bodyLimit: 65_536,
};
const tls = { verify: false, serverName: 'bench.example', ca: null };
const questions: Record<string, Question> = {
  tcp: { type: 'tcp', tls: null, send: null, expect: null },
  http,
  'http+body': { ...http, expectBody: '"status" *: *"UP"' },
  tls: { type: 'tcp', tls, send: null, expect: null },
  grpc: { type: 'grpc', tls: null, host: null, headers: [], service: '' },
};

function planFor(question: Question): ActiveCheckPlan {
  return {
    question,
    timeoutMs: 2000,
    concurrency: 20,
    fastIntervalMs: null,
    gate: false,
    damping: null,
    healthy: { intervalMs, successes: 1 },
    unhealthy: { intervalMs, httpFailures: 3, tcpFailures: 3, timeouts: 3 },
  };
}

function targetsOf(question: Question, port: number): HealthTarget[] {
  const plans = Array.from({ length: UPSTREAMS }, () => planFor(question));
  return Array.from({ length: Number(nodes) }, (_, index) => {
    const host = `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
    const upstream = index % UPSTREAMS;
    return { key: `u${upstream}|${host}:${port}`, address: { host, port }, checks: plans[upstream]! };
  });
}

async function measure(question: Question, port: number): Promise<Record<string, string>> {
  const monitor = new HealthMonitor({ clock: systemClock, random: systemRandom, log: silentLog, onChange() {} });
  const targets = targetsOf(question, port);
  const keeper = setInterval(() => {}, 1000);
  // The first targets make their upstreams known to work, so that the first probes of the others are spread.
  monitor.track(targets.slice(0, UPSTREAMS));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  monitor.track(targets);
  await new Promise((resolve) => setTimeout(resolve, 1.3 * intervalMs));
  const probes = probesOf(monitor);
  const began = { wall: performance.now(), cpu: process.cpuUsage() };
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  const cpu = process.cpuUsage(began.cpu);
  const wall = performance.now() - began.wall;
  const done = probes.stop();
  const good = [...monitor.states()].filter((state) => state.health === 'healthy').length;
  await monitor.close(systemClock.now() + 2000);
  clearInterval(keeper);
  const total = cpu.user + cpu.system;
  return {
    'probes/s': ((done / wall) * 1000).toFixed(0),
    'µs/probe': (total / done).toFixed(0),
    user: (cpu.user / done).toFixed(0),
    'of one core': `${(total / wall / 10).toFixed(1)} %`,
    healthy: `${good} of ${targets.length}`,
    'RSS MB': (process.memoryUsage().rss / 1e6).toFixed(0),
  };
}

/** Counts the probes that end, by the times that the monitor keeps: each target is looked at more often than it is probed. */
function probesOf(monitor: HealthMonitor): { stop(): number } {
  const seen = new Map([...monitor.states()].map((state) => [state.key, state.checkedAt]));
  let count = 0;
  const look = () => {
    for (const { key, checkedAt } of monitor.states()) {
      if (seen.get(key) === checkedAt) continue;
      seen.set(key, checkedAt);
      count += 1;
    }
  };
  const timer = setInterval(look, intervalMs / 2);
  const stop = () => {
    clearInterval(timer);
    look();
    return count;
  };
  return { stop };
}

const backend = fork(new URL('checks-backend.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
const [ports] = (await once(backend, 'message')) as [Record<string, number>];
const rows: Record<string, Record<string, string>> = {};
for (const type of types.length > 0 ? types : Object.keys(questions)) {
  rows[type] = await measure(questions[type]!, ports[type.replace('+body', '')]!);
}
console.table(rows);
backend.disconnect();
