/**
 * A strict reader of Prometheus' text format: what it takes, every Prometheus takes. Throws on the first line that breaks
 * a rule: HELP and TYPE once and before the series, series of a metric together, none twice, histograms consistent.
 */

export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

interface Draft {
  name: string;
  type: string;
  help: string;
  series: Series[];
}

export function parsePrometheusText(text: string): Map<string, Metric> {
  if (!text.endsWith('\n')) throw new Error('the last line has no newline');
  const metrics = new Map<string, Draft>();
  const seen = new Set<string>();
  let current: Draft | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      current = readComment(line, metrics, current);
      continue;
    }
    const series = readSeries(line);
    if (!current || !belongs(series.name, current)) throw new Error(`series outside of its metric: ${line}`);
    const key = JSON.stringify([series.name, Object.entries(series.labels).sort()]);
    if (seen.has(key)) throw new Error(`series twice: ${line}`);
    seen.add(key);
    current.series.push(series);
  }
  for (const metric of metrics.values()) checkMetric(metric);
  return metrics;
}

function readComment(line: string, metrics: Map<string, Draft>, current: Draft | null): Draft {
  const match = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
  if (!match) throw new Error(`neither HELP nor TYPE: ${line}`);
  const [, kind, name = '', rest = ''] = match;
  if (NAME.exec(name)?.[0] !== name) throw new Error(`not a metric name: ${line}`);
  if (kind === 'HELP') {
    if (metrics.has(name)) throw new Error(`HELP twice: ${line}`);
    const draft = { name, type: '', help: rest, series: [] };
    metrics.set(name, draft);
    return draft;
  }
  if (current?.name !== name || current.type !== '') throw new Error(`TYPE without its HELP, or twice: ${line}`);
  if (!TYPES.includes(rest)) throw new Error(`unknown type: ${line}`);
  current.type = rest;
  return current;
}

function belongs(name: string, metric: Draft): boolean {
  if (metric.type === '') return false;
  if (metric.type !== 'histogram') return name === metric.name;
  return ['_bucket', '_sum', '_count'].some((suffix) => name === metric.name + suffix);
}

function readSeries(line: string): Series {
  const name = NAME.exec(line)?.[0];
  if (!name) throw new Error(`no metric name: ${line}`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) rest = readLabel(rest, labels, line);
    rest = rest.slice(1);
  }
  // Prometheus reads NaN in any case, and prom-client writes `Nan`.
  const value = /^ (N[Aa][Nn]|[+-]Inf|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)$/.exec(rest)?.[1];
  if (value === undefined) throw new Error(`no value: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

/** Reads one `name="value"` with the comma after it; returns what follows. */
function readLabel(text: string, labels: Record<string, string>, line: string): string {
  const name = LABEL_NAME.exec(text)?.[0];
  if (!name || Object.hasOwn(labels, name)) throw new Error(`label without a name, or twice: ${line}`);
  const match = /^="((?:[^"\\]|\\["\\n])*)"/.exec(text.slice(name.length));
  if (!match) throw new Error(`label value not quoted in due form: ${line}`);
  labels[name] = match[1]!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  const rest = text.slice(name.length + match[0].length);
  if (rest.startsWith(',') && rest[1] !== '}') return rest.slice(1);
  if (!rest.startsWith('}')) throw new Error(`labels do not end: ${line}`);
  return rest;
}

function checkMetric(metric: Draft): void {
  if (metric.type === '') throw new Error(`${metric.name} has no TYPE`);
  if (metric.type === 'counter') {
    for (const { value } of metric.series) if (!(value >= 0)) throw new Error(`${metric.name} is negative`);
  }
  if (metric.type === 'histogram') checkHistogram(metric);
}

function checkHistogram(metric: Draft): void {
  const groups = new Map<string, { buckets: Series[]; count: number | null; sum: number | null }>();
  for (const series of metric.series) {
    const { le, ...labels } = series.labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    const group = groups.get(key) ?? { buckets: [], count: null, sum: null };
    groups.set(key, group);
    if (series.name.endsWith('_bucket')) {
      if (le === undefined) throw new Error(`${metric.name}: bucket without le`);
      group.buckets.push(series);
    } else if (series.name.endsWith('_count')) group.count = series.value;
    else group.sum = series.value;
  }
  for (const { buckets, count, sum } of groups.values()) {
    let bound = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (const bucket of buckets) {
      const le = Number(bucket.labels.le!.replace('Inf', 'Infinity'));
      if (!(le > bound) || bucket.value < total) throw new Error(`${metric.name}: buckets are not cumulative`);
      bound = le;
      total = bucket.value;
    }
    if (bound !== Number.POSITIVE_INFINITY) throw new Error(`${metric.name}: no +Inf bucket`);
    if (count !== total || sum === null) throw new Error(`${metric.name}: count or sum does not fit the buckets`);
  }
}

/** The value of the one series with these labels (others may have more); undefined when there is none. */
export function seriesValue(
  metrics: ReadonlyMap<string, Metric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const base = name.replace(/_(?:bucket|sum|count)$/, '');
  const metric = metrics.get(name) ?? metrics.get(base);
  const found = metric?.series.filter(
    (series) => series.name === name && Object.entries(labels).every(([key, value]) => series.labels[key] === value),
  );
  if (found && found.length > 1) throw new Error(`${found.length} series of ${name} have these labels`);
  return found?.[0]?.value;
}
