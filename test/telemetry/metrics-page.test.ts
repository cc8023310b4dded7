import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { allocateAllCounters } from '../../src/telemetry/counters.ts';
import { Exposition } from '../../src/telemetry/exposition.ts';
import { OUTCOME_NAMES } from '../../src/telemetry/outcome-names.ts';
import { STREAM_END_NAMES } from '../../src/telemetry/stream-ends.ts';
import { formatStreamLine } from '../../src/telemetry/stream-line.ts';
import { metricsSource } from '../support/metrics-fixture.ts';
import { parsePrometheusText } from '../support/prometheus-text.ts';
import { streamEntry } from '../support/stream-entry.ts';

const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

test('the page on metrics describes exactly the metrics that there are, with their types', async () => {
  const exposition = new Exposition(metricsSource(), allocateAllCounters(1, 1), { version: '1', node: '26' });
  const metrics = parsePrometheusText((await exposition.render()).text);
  const exposed = [...metrics.values()].filter(({ name }) => name.startsWith('headgate_'));
  const described = [...page.matchAll(/^\| `(headgate_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`);
  assert.deepEqual(described.toSorted(), exposed.map(({ name, type }) => `${name} ${type}`).toSorted());
});

test('the page names every outcome', () => {
  for (const outcome of OUTCOME_NAMES) assert.ok(page.includes(`| \`${outcome}\` |`), outcome);
});

test('the page on operation explains every reason for which a stream ends, and every field of its entry', async () => {
  const operations = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const rows = operations.split('\n').filter((line) => line.startsWith('| '));
  const first = rows.map((row) => row.split(' | ')[0]!);
  const explained = (name: string) => first.some((cell) => cell.includes(`\`${name}\``));
  for (const name of STREAM_END_NAMES) assert.ok(explained(name), name);
  const { end, ...fields } = JSON.parse(formatStreamLine(streamEntry()));
  for (const name of Object.keys(end)) assert.ok(explained(`end.${name}`), name);
  const sameAsHttp = ['listener', 'protocol'];
  for (const name of Object.keys(fields)) assert.ok(explained(name) || sameAsHttp.includes(name), name);
});
