import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateCounters, CounterBlock, CounterSums } from '../../src/telemetry/counter-table.ts';
import {
  DURATION_BUCKETS,
  durationField,
  NODE_FIELDS,
  NodeField,
  ROUTE_FIELDS,
  RouteField,
  STATUS_CODES,
  STREAM_DURATION_BUCKETS,
  statusField,
  streamDurationField,
  streamEndField,
} from '../../src/telemetry/counters.ts';
import { StreamEnd } from '../../src/telemetry/stream-ends.ts';

test('every status has a field: its own, or that of its class', () => {
  const codeAt = (status: number) => STATUS_CODES[statusField(status) - RouteField.status];
  assert.equal(codeAt(200), 200);
  assert.equal(codeAt(218), 299);
  assert.equal(codeAt(103), 199);
  assert.equal(codeAt(451), 499);
  assert.equal(codeAt(507), 599);
  for (const status of [0, 99, 600, -1, Number.NaN]) assert.equal(codeAt(status), 599);
});

test('a duration falls into the first bucket that it does not exceed', () => {
  const bucket = (seconds: number) => durationField(seconds) - RouteField.durationBuckets;
  assert.equal(bucket(0), 0);
  assert.equal(bucket(0.001), 0);
  assert.equal(bucket(0.0011), 1);
  assert.equal(bucket(10), DURATION_BUCKETS.length - 1);
  assert.equal(bucket(11), DURATION_BUCKETS.length);
  assert.equal(durationField(1e9), ROUTE_FIELDS - 1);
});

test('fields of a row do not overlap', () => {
  const route = [
    RouteField.requestBytes,
    RouteField.responseBytes,
    RouteField.retries,
    RouteField.durationSum,
    RouteField.tried,
    RouteField.failed,
    RouteField.slow,
  ];
  const used = new Set([...STATUS_CODES.map(statusField), ...route, ...DURATION_BUCKETS.map(durationField)]);
  assert.equal(used.size, ROUTE_FIELDS - 1);
  assert.equal(NodeField.answerMicros, NODE_FIELDS - 1);
});

test('the ways in which a stream ends have a field each, where statuses would stand; durations have their own bounds', () => {
  const ends = Object.values(StreamEnd).map(streamEndField);
  assert.equal(new Set(ends).size, ends.length);
  assert.ok(Math.min(...ends) >= RouteField.status && Math.max(...ends) < RouteField.requestBytes);
  assert.equal(STREAM_DURATION_BUCKETS.length, DURATION_BUCKETS.length, 'rows have one layout');
  const bucket = (seconds: number) => streamDurationField(seconds) - RouteField.durationBuckets;
  assert.equal(bucket(0.005), 0);
  assert.equal(bucket(0.006), 1);
  assert.equal(bucket(86_401), STREAM_DURATION_BUCKETS.length);
});

test('sums go over workers; clearing a row leaves its neighbours', () => {
  const memory = allocateCounters(2, 4, 3);
  const [first, second] = [new CounterBlock(memory, 0), new CounterBlock(memory, 1)];
  const sums = new CounterSums(memory);
  first.add(1, 2, 5);
  second.add(1, 2, 7);
  second.add(2, 0, 1);
  assert.equal(sums.sum(1, 2), 12);
  sums.clear(1);
  assert.equal(sums.sum(1, 2), 0);
  assert.equal(sums.sum(2, 0), 1);
  assert.throws(() => new CounterBlock(memory, 2), RangeError);
});
