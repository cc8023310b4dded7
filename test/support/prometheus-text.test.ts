import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrometheusText, seriesValue } from './prometheus-text.ts';

const HEAD = '# HELP a_total Things.\n# TYPE a_total counter\n';
const HISTOGRAM = '# HELP h Time.\n# TYPE h histogram\n';

test('reads names, labels with escapes, and values', () => {
  const metrics = parsePrometheusText(`${HEAD}a_total{x="a\\"b\\\\c\\nd",y=""} 12\na_total 1e+21\n`);
  assert.equal(seriesValue(metrics, 'a_total', { x: 'a"b\\c\nd', y: '' }), 12);
  assert.equal(metrics.get('a_total')?.series.length, 2);
});

test('refuses what Prometheus would refuse', () => {
  const wrong: Record<string, string> = {
    'no final newline': `${HEAD}a_total 1`,
    'series twice': `${HEAD}a_total{x="1"} 1\na_total{x="1"} 2\n`,
    'metric twice': `${HEAD}a_total 1\n${HEAD}a_total{x="1"} 1\n`,
    'series without a metric': 'a_total 1\n',
    'series of another metric': `${HEAD}b_total 1\n`,
    'no TYPE': '# HELP a_total Things.\na_total 1\n',
    'raw quote': `${HEAD}a_total{x="a"b"} 1\n`,
    'raw newline': `${HEAD}a_total{x="a\nb"} 1\n`,
    'unknown escape': `${HEAD}a_total{x="a\\tb"} 1\n`,
    'label twice': `${HEAD}a_total{x="1",x="2"} 1\n`,
    'not a number': `${HEAD}a_total undefined\n`,
    'negative counter': `${HEAD}a_total -1\n`,
    'buckets that shrink': `${HISTOGRAM}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    'no +Inf bucket': `${HISTOGRAM}h_bucket{le="1"} 2\nh_sum 1\nh_count 2\n`,
    'count that does not fit': `${HISTOGRAM}h_bucket{le="+Inf"} 2\nh_sum 1\nh_count 3\n`,
    'no sum': `${HISTOGRAM}h_bucket{le="+Inf"} 2\nh_count 2\n`,
  };
  for (const [name, text] of Object.entries(wrong)) assert.throws(() => parsePrometheusText(text), Error, name);
});
