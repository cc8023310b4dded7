import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { allocateAllCounters } from '../../src/telemetry/counters.ts';
import { Exposition } from '../../src/telemetry/exposition.ts';
import { OUTCOME_NAMES } from '../../src/telemetry/outcome-names.ts';
import { metricsSource } from '../support/metrics-fixture.ts';
import { parsePrometheusText } from '../support/prometheus-text.ts';

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
