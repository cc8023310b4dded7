import { median } from '../lib/report.ts';
import { type Experiment, FAULTS, NODE_OF, type Run } from './experiments.ts';
import type { Row } from './row.ts';

/** What one run came to. Times in milliseconds, shares in percent. */
export interface Result {
  readonly experiment: Experiment['name'];
  readonly row: string;
  readonly round: number;
  readonly requests: number;
  readonly failed: number;
  /** How often each kind of failure came: `500 of n2`, `502`, `socket hang up`. */
  readonly failures: Readonly<Record<string, number>>;
  readonly failuresBySecond: readonly number[];
  /** Of requests that succeeded, from when they were due. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly answeredPerSecond: number;
  /** Which part of the answers each node gave. */
  readonly shares: Readonly<Record<string, number>>;
  readonly loadAverage: number;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function tally(keys: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

export function resultOf(experiment: Experiment, row: Row, round: number, run: Run): Result {
  const { samples, seconds, loadAverage } = run;
  const good = samples.filter(({ status }) => status === 200);
  const bad = samples.filter(({ status }) => status !== 200);
  const times = good.map(({ took }) => took).sort((a, b) => a - b);
  const answers = tally(samples.map(({ node }) => node).filter((node) => node !== ''));
  const bySecond: number[] = Array.from({ length: Math.ceil(seconds) }, () => 0);
  for (const { at } of bad) bySecond[Math.floor(at / 1000)]! += 1;
  return {
    experiment: experiment.name,
    row: row.name,
    round,
    requests: samples.length,
    failed: bad.length,
    failures: tally(bad.map(({ status, node, error }) => error || (node ? `${status} of ${node}` : String(status)))),
    failuresBySecond: bySecond,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    p999: quantile(times, 0.999),
    answeredPerSecond: good.length / seconds,
    shares: Object.fromEntries(Object.entries(answers).map(([node, count]) => [node, (count / samples.length) * 100])),
    loadAverage,
  };
}

function middle(results: readonly Result[], pick: (result: Result) => number): number {
  return median(results.map(pick));
}

function range(results: readonly Result[], pick: (result: Result) => number): string {
  const values = results.map(pick);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? String(low) : `${low}–${high}`;
}

const successPercent = ({ requests, failed }: Result) => (1 - failed / requests) * 100;

function faultCells(own: readonly Result[]): string[] {
  return [
    `${middle(own, successPercent).toFixed(2)} %`,
    range(own, ({ failed }) => failed),
    middle(own, ({ p50 }) => p50).toFixed(1),
    middle(own, ({ p99 }) => p99).toFixed(1),
    ...FAULTS.map((fault) => `${middle(own, ({ shares }) => shares[NODE_OF[fault]] ?? 0).toFixed(1)} %`),
    middle(own, ({ answeredPerSecond }) => answeredPerSecond).toFixed(0),
  ];
}

function restartCells(own: readonly Result[]): string[] {
  return [
    range(own, ({ failed }) => failed),
    String(own[0]?.requests ?? 0),
    middle(own, ({ p50 }) => p50).toFixed(1),
    middle(own, ({ p99 }) => p99).toFixed(1),
    middle(own, ({ p999 }) => p999).toFixed(1),
  ];
}

function table(head: readonly string[], rows: readonly Row[], cells: (row: Row) => readonly string[] | null): string {
  const lines = rows.flatMap((row) => {
    const rest = cells(row);
    return rest ? [`| ${row.name} | ${rest.join(' | ')} |`] : [];
  });
  return `| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}\n${lines.join('\n')}\n`;
}

/** Both tables in Markdown, and how each row was configured. */
export function tables(rows: readonly Row[], results: readonly Result[]): string {
  const own = (name: Experiment['name'], row: Row) =>
    results.filter((result) => result.experiment === name && result.row === row.name);
  const section = (
    name: Experiment['name'],
    title: string,
    head: readonly string[],
    cells: (own: readonly Result[]) => string[],
  ) => {
    if (!results.some(({ experiment }) => experiment === name)) return '';
    const cellsOf = (row: Row) => (own(name, row).length > 0 ? cells(own(name, row)) : null);
    return `\n## ${title}\n\n${table(head, rows, cellsOf)}`;
  };
  const faultHead = ['proxy', 'success', 'failed', 'p50 ms', 'p99 ms', 'slow', 'failing', 'flapping', 'answered/s'];
  const restartHead = ['proxy', 'failed', 'of', 'p50 ms', 'p99 ms', 'p99.9 ms'];
  return (
    section('faults', 'One slow, one failing, one flapping of ten', faultHead, faultCells) +
    section('restart', 'Rolling restart of all ten', restartHead, restartCells)
  );
}
