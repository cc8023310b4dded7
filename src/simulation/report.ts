import { type Reactions, reactions, sharesOf, summarised, unfairness } from './analysis.ts';
import type { Failure } from './recorder.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';

/** A line of the report: what it is about, and what each run has there. */
export type ReportRow = readonly [name: string, ...values: string[]];

const FAILURES: readonly (readonly [Failure, string])[] = [
  ['answer', 'failing answer'],
  ['timeout', 'no answer in time'],
  ['broken', 'connection broke'],
  ['unconnected', 'no connection'],
  ['full', 'nodes at their limits'],
  ['shed', 'breaker open'],
];

/** What the variants made of a scenario, side by side, as text. */
export function reportText(scenario: Scenario, runs: readonly Run[]): string {
  const table: ReportRow[] = [['', ...runs.map(({ label }) => label)], ...reportRows(scenario, runs)];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
  const { name = 'scenario', duration, rate, workers = 2, seed = 1 } = scenario;
  const title = `${name}: ${duration} s, ${rate} requests/s, ${workers} workers, seed ${seed}`;
  return `${[title, '', ...lines].join('\n')}\n`;
}

export function reportRows(scenario: Scenario, runs: readonly Run[]): readonly ReportRow[] {
  const row = (name: string, value: (run: Run) => string): ReportRow => [name, ...runs.map(value)];
  return [
    row('requests', ({ record }) => String(record.requests)),
    row('failed', ({ record }) => `${record.failed} (${percent(record.failed / Math.max(1, record.requests))})`),
    ...FAILURES.filter(([failure]) => runs.some(({ record }) => record.failures[failure] > 0)).map(([failure, name]) =>
      row(`  ${name}`, ({ record }) => String(record.failures[failure])),
    ),
    ...(runs.some(({ record }) => record.failed > 0) ? [row('last failure after', lastFailure)] : []),
    row('failed needlessly', ({ record }) => String(record.lost)),
    row('retries', ({ record }) => String(record.retries)),
    ...[0.5, 0.99, 0.999].map((share) =>
      row(`p${share * 100} ms`, ({ record }) => record.percentile(share).toFixed(1)),
    ),
    row('picks of dead nodes', ({ record }) => String(record.wrong)),
    row('requests moved', ({ record }) => percent(record.moved / Math.max(1, record.repeated))),
    row('unfairness', (run) => percent(unfairness(run, scenario))),
    ...eventRows(runs),
    ...reactionRows(scenario, runs),
    ...shareRows(scenario, runs),
  ];
}

/** What the gateway did about nodes and upstream; nothing for what it never did. */
function eventRows(runs: readonly Run[]): ReportRow[] {
  const rows = [
    ['outlier.ejected', 'ejections'],
    ['health.unhealthy', 'failed checks'],
    ['breaker.open', 'breaker opened'],
  ] as const;
  return rows
    .filter(([event]) => runs.some(({ log }) => log.count(event) > 0))
    .map(([event, name]) => [name, ...runs.map(({ log }) => String(log.count(event)))]);
}

/** The changes are the same in every run; how soon traffic followed is not. */
function reactionRows(scenario: Scenario, runs: readonly Run[]): ReportRow[] {
  const found = runs.map((run) => summarised(reactions(run, scenario)));
  return (found[0] ?? []).map(({ cause, kind, at, count }, index) => {
    const when = count === 1 ? `at ${at.toFixed(1)} s` : `(${count} times)`;
    return [`${cause} ${kind} ${when}`, ...found.map((reactions) => followedAfter(reactions[index]!))];
  });
}

function followedAfter({ slowest, missed, count }: Reactions): string {
  if (slowest === null) return 'never';
  const after = `${slowest.toFixed(1)} s`;
  return missed === 0 ? after : `${after}, not ${missed} of ${count}`;
}

/** Shares of the nodes that something happens to, and of those that stand alone; the others are in "unfairness". */
function shareRows({ events = [], nodes }: Scenario, runs: readonly Run[]): ReportRow[] {
  const fleet = runs[0]?.fleet;
  const rows = new Map<string, readonly string[]>();
  for (const event of events) {
    const targets = fleet?.targets(event) ?? [];
    const name = targets.length > 1 ? `${targets.length} ${event.node}` : targets[0];
    if (name !== undefined) rows.set(name, targets);
  }
  for (const { name, count } of nodes) if (count === undefined) rows.set(name, [name]);
  const shares = runs.map(sharesOf);
  return [...rows].map(([name, targets]) => {
    const sums = shares.map((share) => targets.reduce((sum, target) => sum + (share.get(target) ?? 0), 0));
    return [`share of ${name}`, ...sums.map(percent)];
  });
}

function lastFailure({ record: { lastFailureAt } }: Run): string {
  return lastFailureAt === null ? 'none' : `${(lastFailureAt / 1000).toFixed(1)} s`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
