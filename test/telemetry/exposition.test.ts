import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Outcome } from '../../src/balancers/types.ts';
import { CounterBlock } from '../../src/telemetry/counter-table.ts';
import {
  allocateAllCounters,
  durationField,
  ListenerField,
  NodeField,
  RouteField,
  statusField,
  streamDurationField,
  streamEndField,
} from '../../src/telemetry/counters.ts';
import { Exposition } from '../../src/telemetry/exposition.ts';
import type { MetricsSource, NodeMetrics } from '../../src/telemetry/metrics-source.ts';
import { StreamEnd } from '../../src/telemetry/stream-ends.ts';
import { metricsSource } from '../support/metrics-fixture.ts';
import { type Metric, parsePrometheusText, seriesValue } from '../support/prometheus-text.ts';

const BUILD = { version: '1.2.3', node: '26.0.0' };
const counters = allocateAllCounters(2, 64);

async function scrape(parts: Partial<MetricsSource>): Promise<Map<string, Metric>> {
  const { contentType, text } = await new Exposition(metricsSource(parts), counters, BUILD).render();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  return parsePrometheusText(text);
}

function node(slot: number, more: Partial<NodeMetrics> = {}): NodeMetrics {
  return {
    upstream: 'u',
    node: `10.0.0.${slot}:80`,
    slot,
    health: 'healthy',
    inflight: 0,
    latencyMicros: 0,
    ejected: false,
    ...more,
  };
}

test('sums routes over workers: codes, bytes, retries and a cumulative histogram', async () => {
  const [first, second] = [0, 1].map((worker) => new CounterBlock(counters.routes, worker));
  for (const block of [first!, second!]) {
    block.add(3, statusField(200), 2);
    block.add(3, statusField(418), 1);
    block.add(3, RouteField.requestBytes, 10);
    block.add(3, RouteField.responseBytes, 100);
    block.add(3, RouteField.retries, 1);
    block.add(3, durationField(0.003), 2);
    block.add(3, durationField(99), 1);
    block.add(3, RouteField.durationSum, 99.006);
  }
  const metrics = await scrape({ routes: () => [{ id: 'orders', slot: 3, upstream: 'up' }] });
  const route = { route: 'orders' };
  assert.equal(seriesValue(metrics, 'headgate_http_requests_total', { ...route, upstream: 'up', code: '200' }), 4);
  assert.equal(
    seriesValue(metrics, 'headgate_http_requests_total', { code: '499' }),
    2,
    'an unusual code counts in its class',
  );
  assert.equal(
    metrics.get('headgate_http_requests_total')?.series.length,
    2,
    'codes that never occurred have no series',
  );
  assert.equal(seriesValue(metrics, 'headgate_http_request_bytes_total', route), 20);
  assert.equal(seriesValue(metrics, 'headgate_http_response_bytes_total', route), 200);
  assert.equal(seriesValue(metrics, 'headgate_http_retries_total', route), 2);
  const histogram = 'headgate_http_request_duration_seconds';
  assert.equal(seriesValue(metrics, `${histogram}_bucket`, { ...route, le: '0.0025' }), 0);
  assert.equal(seriesValue(metrics, `${histogram}_bucket`, { ...route, le: '0.005' }), 4);
  assert.equal(seriesValue(metrics, `${histogram}_bucket`, { ...route, le: '10' }), 4);
  assert.equal(seriesValue(metrics, `${histogram}_bucket`, { ...route, le: '+Inf' }), 6);
  assert.equal(seriesValue(metrics, `${histogram}_count`, route), 6);
  assert.equal(seriesValue(metrics, `${histogram}_sum`, route), 198.012);
});

test('a route without requests has counters at zero and no histogram', async () => {
  const metrics = await scrape({ routes: () => [{ id: 'idle', slot: 5, upstream: 'up' }] });
  assert.equal(seriesValue(metrics, 'headgate_http_retries_total', { route: 'idle' }), 0);
  assert.equal(metrics.get('headgate_http_request_duration_seconds')?.series.length, 0);
});

test('stream routes: bytes both ways and retries', async () => {
  const block = new CounterBlock(counters.routes, 0);
  block.add(9, RouteField.requestBytes, 1);
  block.add(9, RouteField.responseBytes, 2);
  block.add(9, RouteField.retries, 3);
  const metrics = await scrape({ streamRoutes: () => [{ id: 'db', slot: 9, upstream: 'u' }] });
  const labels = { route: 'db', upstream: 'u' };
  assert.equal(seriesValue(metrics, 'headgate_stream_received_bytes_total', labels), 1);
  assert.equal(seriesValue(metrics, 'headgate_stream_sent_bytes_total', labels), 2);
  assert.equal(seriesValue(metrics, 'headgate_stream_retries_total', labels), 3);
});

test('stream routes: ends by reason, one series for each that occurred, and how long streams lasted', async () => {
  const block = new CounterBlock(counters.routes, 1);
  block.add(10, streamEndField(StreamEnd.clientClosed), 4);
  block.add(10, streamEndField(StreamEnd.idleTimeout), 1);
  block.add(10, streamDurationField(20), 5);
  block.add(10, RouteField.durationSum, 100);
  const streamRoutes = () => [
    { id: 'mail', slot: 10, upstream: 'u' },
    { id: 'unused', slot: 11, upstream: 'u' },
  ];
  const metrics = await scrape({ streamRoutes });
  const labels = { route: 'mail', upstream: 'u' };
  const ends = metrics.get('headgate_stream_ends_total')?.series ?? [];
  assert.deepEqual(
    ends.map((series) => [series.labels.route, series.labels.reason, series.value]),
    [
      ['mail', 'client_closed', 4],
      ['mail', 'idle_timeout', 1],
    ],
  );
  const bucket = (le: string) => seriesValue(metrics, 'headgate_stream_duration_seconds_bucket', { ...labels, le });
  assert.deepEqual([bucket('15'), bucket('60'), bucket('+Inf')], [0, 5, 5]);
  assert.equal(seriesValue(metrics, 'headgate_stream_duration_seconds_sum', labels), 100);
});

test('listeners: each counter, and open connections as the difference', async () => {
  const block = new CounterBlock(counters.listeners, 1);
  const fields = Object.values(ListenerField);
  for (const field of fields) block.add(2, field, 100 + field);
  block.add(2, ListenerField.accepted, 50);
  const metrics = await scrape({ listeners: () => [{ name: '0.0.0.0:9080', slot: 2 }] });
  const read = (name: string) => seriesValue(metrics, `headgate_${name}`, { listener: '0.0.0.0:9080' });
  assert.equal(read('listener_connections_total'), 150);
  assert.equal(read('listener_connections'), 150 - 101);
  const refused = (reason: string) =>
    seriesValue(metrics, 'headgate_listener_refused_total', { listener: '0.0.0.0:9080', reason });
  assert.equal(refused('limit'), 102);
  assert.equal(refused('source_limit'), 110);
  assert.equal(refused('route'), 111);
  assert.equal(refused('node'), 112);
  assert.equal(refused('proxy_protocol'), 113);
  assert.equal(refused('tls'), 114);
  assert.equal(read('listener_requests_total'), 103);
  assert.equal(read('listener_bad_requests_total'), 104);
  assert.equal(read('listener_received_bytes_total'), 105);
  assert.equal(read('listener_sent_bytes_total'), 106);
  assert.equal(read('upgrades_total'), 107);
});

test('nodes: outcomes, health as states, load, latency and traffic', async () => {
  const block = new CounterBlock(counters.nodes, 0);
  block.add(1, NodeField.outcome + Outcome.success, 7);
  block.add(1, NodeField.outcome + Outcome.connectFailure, 2);
  block.add(1, NodeField.connects, 3);
  block.add(1, NodeField.sentBytes, 1000);
  block.add(1, NodeField.receivedBytes, 2000);
  const metrics = await scrape({
    upstreams: () => [
      { id: 'u', failOpen: true },
      { id: 'empty', failOpen: false },
    ],
    nodes: () => [node(1, { health: 'unhealthy', inflight: 4, latencyMicros: 2500 }), node(2, { health: 'unknown' })],
  });
  const one = { upstream: 'u', node: '10.0.0.1:80' };
  assert.equal(seriesValue(metrics, 'headgate_node_requests_total', { ...one, outcome: 'success' }), 7);
  assert.equal(seriesValue(metrics, 'headgate_node_requests_total', { ...one, outcome: 'connect_failure' }), 2);
  assert.equal(seriesValue(metrics, 'headgate_node_requests_total', { ...one, outcome: 'timeout' }), 0);
  assert.equal(seriesValue(metrics, 'headgate_node_health', { ...one, state: 'unhealthy' }), 1);
  assert.equal(seriesValue(metrics, 'headgate_node_health', { ...one, state: 'healthy' }), 0);
  assert.equal(seriesValue(metrics, 'headgate_node_health', { node: '10.0.0.2:80', state: 'unknown' }), 1);
  assert.equal(seriesValue(metrics, 'headgate_node_inflight', one), 4);
  assert.equal(seriesValue(metrics, 'headgate_node_latency_seconds', one), 0.0025);
  assert.equal(seriesValue(metrics, 'headgate_node_latency_seconds', { node: '10.0.0.2:80' }), undefined);
  assert.equal(seriesValue(metrics, 'headgate_node_connections_total', one), 3);
  assert.equal(seriesValue(metrics, 'headgate_node_sent_bytes_total', one), 1000);
  assert.equal(seriesValue(metrics, 'headgate_node_received_bytes_total', one), 2000);
  assert.equal(seriesValue(metrics, 'headgate_upstream_nodes', { upstream: 'u', state: 'unhealthy' }), 1);
  assert.equal(seriesValue(metrics, 'headgate_upstream_nodes', { upstream: 'u', state: 'healthy' }), 0);
  assert.equal(seriesValue(metrics, 'headgate_upstream_nodes', { upstream: 'empty', state: 'healthy' }), 0);
  assert.equal(seriesValue(metrics, 'headgate_upstream_fail_open', { upstream: 'u' }), 1);
  assert.equal(seriesValue(metrics, 'headgate_upstream_fail_open', { upstream: 'empty' }), 0);
});

test('discovery: one series for each watch, with its filters, and each source', async () => {
  const service = { source: 'consul', service: 'orders', ageSeconds: 1.5, nodes: 3 };
  const metrics = await scrape({
    discovery: () => [
      { ...service, args: {} },
      { ...service, args: { tag: 'blue', datacenter: 'a' }, ageSeconds: null, nodes: 0 },
    ],
    discoverySources: () => [{ source: 'consul', updates: { applied: 5, held: 1 }, errors: 2 }],
  });
  assert.equal(metrics.get('headgate_discovery_age_seconds')?.series.length, 1);
  assert.equal(seriesValue(metrics, 'headgate_discovery_age_seconds'), 1.5);
  assert.equal(seriesValue(metrics, 'headgate_discovery_nodes', { args: 'datacenter=a,tag=blue' }), 0);
  assert.equal(seriesValue(metrics, 'headgate_discovery_updates_total', { source: 'consul', result: 'applied' }), 5);
  assert.equal(seriesValue(metrics, 'headgate_discovery_updates_total', { result: 'held' }), 1);
  assert.equal(seriesValue(metrics, 'headgate_discovery_errors_total', { source: 'consul' }), 2);
});

test('the process: reloads, workers, build, access log, and the metrics of Node', async () => {
  const metrics = await scrape({
    config: () => ({
      lastReloadSuccessful: false,
      lastReloadAt: 1_700_000_000_500,
      reloads: { success: 2, failure: 3 },
    }),
    workers: () => ({ running: 2, restarts: 1, lag: [{ worker: 1, seconds: 0.02 }] }),
    accessLogDropped: () => 9,
  });
  assert.equal(seriesValue(metrics, 'headgate_config_last_reload_successful'), 0);
  assert.equal(seriesValue(metrics, 'headgate_config_last_reload_timestamp_seconds'), 1_700_000_000.5);
  assert.equal(seriesValue(metrics, 'headgate_config_reloads_total', { result: 'failure' }), 3);
  assert.equal(seriesValue(metrics, 'headgate_config_reloads_total', { result: 'success' }), 2);
  assert.equal(seriesValue(metrics, 'headgate_workers'), 2);
  assert.equal(seriesValue(metrics, 'headgate_worker_restarts_total'), 1);
  assert.equal(seriesValue(metrics, 'headgate_worker_event_loop_lag_seconds', { worker: '1' }), 0.02);
  assert.equal(seriesValue(metrics, 'headgate_access_log_dropped_total'), 9);
  assert.equal(seriesValue(metrics, 'headgate_build_info', { version: '1.2.3', node: '26.0.0' }), 1);
  assert.ok(seriesValue(metrics, 'process_resident_memory_bytes')! > 0);
});

test('series vanish with what they describe', async () => {
  let nodes = [node(1), node(2)];
  const exposition = new Exposition(metricsSource({ nodes: () => nodes }), counters, BUILD);
  const inflight = async () =>
    parsePrometheusText((await exposition.render()).text).get('headgate_node_inflight')!.series;
  assert.equal((await inflight()).length, 2);
  nodes = [node(2)];
  assert.deepEqual(
    (await inflight()).map(({ labels }) => labels.node),
    ['10.0.0.2:80'],
  );
});

test('any name yields a text that Prometheus reads back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (name) => {
      const awkward = `${name}"\\\n${name}`;
      const metrics = await scrape({
        routes: () => [{ id: awkward, slot: 60, upstream: awkward }],
        listeners: () => [{ name: awkward, slot: 60 }],
        nodes: () => [node(60, { upstream: awkward })],
        discovery: () => [{ source: 's', service: awkward, args: { tag: awkward }, ageSeconds: 0, nodes: 0 }],
      });
      assert.equal(seriesValue(metrics, 'headgate_http_retries_total', { route: awkward }), 0);
      assert.equal(seriesValue(metrics, 'headgate_listener_connections', { listener: awkward }), 0);
      assert.equal(seriesValue(metrics, 'headgate_node_inflight', { upstream: awkward }), 0);
      assert.equal(seriesValue(metrics, 'headgate_discovery_nodes', { service: awkward, args: `tag=${awkward}` }), 0);
    }),
    { numRuns: 20 },
  );
});

test('a thing that is listed twice does not spoil the scrape', async () => {
  const metrics = await scrape({
    nodes: () => [node(1, { inflight: 1 }), node(1, { inflight: 2 })],
    listeners: () => [
      { name: 'same', slot: 0 },
      { name: 'same', slot: 1 },
    ],
  });
  assert.equal(seriesValue(metrics, 'headgate_node_inflight'), 1);
});

test('scrapes at the same time share one answer, later ones are fresh', async () => {
  let reads = 0;
  const exposition = new Exposition(
    metricsSource({
      nodes: () => {
        reads += 1;
        return [];
      },
    }),
    counters,
    BUILD,
  );
  await Promise.all([exposition.render(), exposition.render(), exposition.render()]);
  assert.equal(reads, 1);
  await exposition.render();
  assert.equal(reads, 2);
});

test('a source that fails fails one scrape, not those after it', async () => {
  let broken = true;
  const exposition = new Exposition(
    metricsSource({
      routes: () => {
        if (broken) throw new Error('no');
        return [];
      },
    }),
    counters,
    BUILD,
  );
  await assert.rejects(exposition.render(), /no/);
  broken = false;
  parsePrometheusText((await exposition.render()).text);
});
