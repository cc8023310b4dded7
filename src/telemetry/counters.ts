import { OUTCOMES } from '../balancers/types.ts';
import { allocateCounters, type CounterMemory, type CounterSums } from './counter-table.ts';
import type { StreamEnd } from './stream-ends.ts';

/** Upper bounds of the latency histograms, in seconds. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** The same for how long streams last, and as many: a session can take milliseconds, a connection to a database days. */
export const STREAM_DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400] as const;

/** Status codes that have a counter of their own; others count in their class's last code, such as 499 for 4xx. */
export const STATUS_CODES = [
  101, 199, 200, 201, 202, 204, 206, 299, 301, 302, 303, 304, 307, 308, 399, 400, 401, 403, 404, 405, 408, 409, 410,
  411, 412, 413, 414, 415, 417, 421, 422, 426, 429, 431, 499, 500, 501, 502, 503, 504, 505, 599,
] as const;

const statusIndex = new Int8Array(600);
for (let status = 100; status < 600; status++) {
  const exact = (STATUS_CODES as readonly number[]).indexOf(status);
  const rest = (STATUS_CODES as readonly number[]).indexOf(Math.floor(status / 100) * 100 + 99);
  statusIndex[status] = exact >= 0 ? exact : rest;
}

/**
 * A row per route: one counter per status code, then the fields below, then the histogram. Streams have no status: in the
 * row of a stream route a counter per way to end stands in that place.
 */
export const RouteField = {
  status: 0,
  requestBytes: STATUS_CODES.length,
  responseBytes: STATUS_CODES.length + 1,
  retries: STATUS_CODES.length + 2,
  durationSum: STATUS_CODES.length + 3,
  /** Requests that reached a node, and of those the failed and the slow ones; only counted for a circuit breaker. */
  tried: STATUS_CODES.length + 4,
  failed: STATUS_CODES.length + 5,
  slow: STATUS_CODES.length + 6,
  durationBuckets: STATUS_CODES.length + 7,
} as const;
/** The last bucket is +Inf. Buckets are not cumulative in memory. */
export const ROUTE_FIELDS = RouteField.durationBuckets + DURATION_BUCKETS.length + 1;

export function statusField(status: number): number {
  return RouteField.status + statusIndex[status >= 100 && status < 600 ? status : 599]!;
}

export function streamEndField(end: StreamEnd): number {
  return RouteField.status + end;
}

export function durationField(seconds: number): number {
  return bucketField(DURATION_BUCKETS, seconds);
}

export function streamDurationField(seconds: number): number {
  return bucketField(STREAM_DURATION_BUCKETS, seconds);
}

function bucketField(bounds: readonly number[], seconds: number): number {
  let bucket = 0;
  while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
  return RouteField.durationBuckets + bucket;
}

/** A row per node. The first fields are the outcomes, in the order of `Outcome`. */
export const NodeField = {
  outcome: 0,
  connects: OUTCOMES.length,
  sentBytes: OUTCOMES.length + 1,
  receivedBytes: OUTCOMES.length + 2,
  /** Answers that took as long as the upstream calls slow. */
  slow: OUTCOMES.length + 3,
  /** Answers, and the sum of the microseconds that they took; only counted where limits adapt to it. */
  answers: OUTCOMES.length + 4,
  answerMicros: OUTCOMES.length + 5,
} as const;
export const NODE_FIELDS = OUTCOMES.length + 6;

/** A row per listener, HTTP and stream alike. What is refused is counted by its reason. */
export const ListenerField = {
  accepted: 0,
  closed: 1,
  /** Over the listener's own limit. */
  refused: 2,
  requests: 3,
  badRequests: 4,
  receivedBytes: 5,
  sentBytes: 6,
  upgrades: 7,
  /** UDP sessions ended early to make room for others. */
  evicted: 8,
  /** Datagrams that did not leave. */
  dropped: 9,
  refusedSource: 10,
  refusedRoute: 11,
  refusedNode: 12,
  refusedProxy: 13,
  refusedTls: 14,
} as const;
export const LISTENER_FIELDS = 15;

/**
 * Connections, or sessions, of a listener that are open, over all workers. Closed is read before accepted: what happens in between
 * can only make the difference too large, never negative.
 */
export function openConnections(sums: CounterSums, slot: number): number {
  const closed = sums.sum(slot, ListenerField.closed);
  return sums.sum(slot, ListenerField.accepted) - closed;
}

export const ROUTE_CAPACITY = 16_384;
export const LISTENER_CAPACITY = 64;

/** All counters of the process; sent to each worker as it stands. */
export interface CountersMemory {
  readonly routes: CounterMemory;
  readonly nodes: CounterMemory;
  readonly listeners: CounterMemory;
}

export function allocateAllCounters(workers: number, nodeCapacity: number): CountersMemory {
  return {
    routes: allocateCounters(workers, ROUTE_CAPACITY, ROUTE_FIELDS),
    nodes: allocateCounters(workers, nodeCapacity, NODE_FIELDS),
    listeners: allocateCounters(workers, LISTENER_CAPACITY, LISTENER_FIELDS),
  };
}
