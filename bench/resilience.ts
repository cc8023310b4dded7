/**
 * Measures what clients notice of bad nodes behind Headgate and its peers: ten nodes of which one is slow, one fails and
 * one flaps; and a rolling restart of all ten.
 *
 *   npm run bench:resilience -- [--rounds 3] [--seconds 25] [--rate 800] [--rows ewma,nginx] [--experiments faults,restart]
 *
 * Writes bench/results/<name>.json and .md. Loopback only; some half a minute for each row and round. Needs two cores; peers
 * that are not installed (bench/install-peers.sh) are left out.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, getPriority, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasProgram } from './lib/binaries.ts';
import { faults, perform, restart } from './resilience/experiments.ts';
import { Fleet } from './resilience/fleet.ts';
import { type Result, resultOf, tables } from './resilience/report.ts';
import type { Row } from './resilience/row.ts';
import { prepareRows } from './resilience/rows.ts';

const LOAD_CORE = 0;
const PROXY_CORE = 1;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '25' },
    rate: { type: 'string', default: '800' },
    rows: { type: 'string', default: '' },
    experiments: { type: 'string', default: 'faults,restart' },
    name: { type: 'string', default: `${new Date().toISOString().slice(0, 10)}-resilience` },
  },
});

const list = (text: string) => text.split(',').filter((part) => part !== '');
const experiments = [faults, restart].filter(({ name }) => list(values.experiments).includes(name));

async function measureAll(rows: readonly Row[]): Promise<Result[]> {
  const results: Result[] = [];
  const settings = { proxyCore: PROXY_CORE, perSecond: Number(values.rate), seconds: Number(values.seconds) };
  const fleet = await Fleet.start(LOAD_CORE);
  try {
    for (let round = 1; round <= Number(values.rounds); round++) {
      for (const experiment of experiments) {
        // The other way round every second time: whoever comes last must not always come last.
        for (const row of round % 2 === 1 ? rows : rows.toReversed()) {
          if (!row.experiments.includes(experiment.name)) continue;
          const result = resultOf(experiment, row, round, await perform(experiment, row, fleet, settings));
          results.push(result);
          console.log(line(result));
        }
      }
    }
  } finally {
    await fleet.close();
  }
  return results;
}

function line({ experiment, round, row, requests, failed, p50, p99, loadAverage, failures }: Result): string {
  const times = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
  const kinds = Object.entries(failures).map(([kind, count]) => `${count} × ${kind}`);
  return `${experiment} ${round} ${row}: ${failed} of ${requests} failed, ${times}, load ${loadAverage.toFixed(1)} [${kinds.join(', ')}]`;
}

function save(rows: readonly Row[], results: readonly Result[]): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    date: new Date().toISOString().slice(0, 10),
    niceness: getPriority(),
  };
  const { rounds, seconds, rate } = values;
  const command = `npm run bench:resilience -- --rounds ${rounds} --seconds ${seconds} --rate ${rate}`;
  const configured = rows.map(({ name, version, how }) => ({ name, version, how }));
  const data = { machine, command, rows: configured, results };
  writeFileSync(join(folder, `${values.name}.json`), `${JSON.stringify(data, null, 1)}\n`);
  const loads = results.map(({ loadAverage }) => loadAverage);
  const page = `# Bad nodes, side by side, ${machine.date}

${machine.cores} × ${machine.cpu}, Linux ${machine.kernel}. One core for the proxy, the other for the ten nodes and the load. Load average of the
machine when a run began: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, niceness of all that was measured ${machine.niceness}. Command: \`${command}\`. Medians over the rounds; of failed requests the fewest and the most.
${tables(rows, results)}
## How each was configured

${configured.map(({ name, version, how }) => `- **${name}** (${version}): ${how}.`).join('\n')}
`;
  writeFileSync(join(folder, `${values.name}.md`), page);
  console.log(`\n${page}`);
}

if (cpus().length < 2) throw new Error('the bench needs two cores: one for the proxy, one for the load');
if (!hasProgram('taskset')) throw new Error('the bench needs taskset: run bench/install-peers.sh');
const directory = mkdtempSync(join(tmpdir(), 'headgate-resilience-'));
// nginx's workers run as another user when the bench runs as root.
chmodSync(directory, 0o755);
try {
  const { rows, missing } = prepareRows(directory, list(values.rows));
  if (missing.length > 0) console.log(`not installed, left out: ${missing.join(', ')} (bench/install-peers.sh)`);
  console.log(`load average ${loadavg()[0]?.toFixed(1)}`);
  save(rows, await measureAll(rows));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
