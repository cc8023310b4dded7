import { reactions, sharesOf, unfairness } from './analysis.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';

/** What the balancers made of a scenario, side by side, as text. */
export function reportText(scenario: Scenario, runs: readonly Run[]): string {
  const rows: [string, (run: Run) => string][] = [
    ['requests', ({ record }) => String(record.requests)],
    ['failed', ({ record }) => `${record.failed} (${percent(record.failed / Math.max(1, record.requests))})`],
    ['retries', ({ record }) => String(record.retries)],
    ['p50 ms', ({ record }) => record.percentile(0.5).toFixed(1)],
    ['p99 ms', ({ record }) => record.percentile(0.99).toFixed(1)],
    ['p99.9 ms', ({ record }) => record.percentile(0.999).toFixed(1)],
    ['picks of dead nodes', ({ record }) => String(record.wrong)],
    ['keys that moved', ({ record }) => percent(record.moved / Math.max(1, record.repeated))],
    ['ejections', ({ ejections }) => String(ejections)],
    ['unfairness', (run) => percent(unfairness(run, scenario))],
    ...reactionRows(scenario, runs),
    ...eventShareRows(scenario, runs),
  ];
  const header = ['', ...runs.map(({ balancer }) => balancer)];
  const table = [header, ...rows.map(([name, value]) => [name, ...runs.map(value)])];
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
  const title = `${scenario.name ?? 'scenario'}: ${scenario.duration} s, ${scenario.rate} requests/s, seed ${scenario.seed ?? 1}`;
  return `${[title, '', ...lines].join('\n')}\n`;
}

function reactionRows(scenario: Scenario, runs: readonly Run[]): [string, (run: Run) => string][] {
  const first = runs[0] ? reactions(runs[0], scenario) : [];
  return first.map(({ node, at, kind }, index) => [
    `${node} ${kind} after ${at} s`,
    (run) => {
      const after = reactions(run, scenario)[index]?.after ?? null;
      return after === null ? 'never' : `${after.toFixed(1)} s`;
    },
  ]);
}

/** Shares of the nodes that something happened to, or that differ: the others are in "unfairness". */
function eventShareRows(scenario: Scenario, runs: readonly Run[]): [string, (run: Run) => string][] {
  const names = new Set((scenario.events ?? []).flatMap((event) => runs[0]?.fleet.targets(event) ?? []));
  for (const { name, count } of scenario.nodes) if (count === undefined) names.add(name);
  return [...names].map((name) => [`share of ${name}`, (run) => percent(sharesOf(run).get(name) ?? 0)]);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
