import type { PlannedNode, PlannedRoute, PlannedSpread, PlannedUpstream } from '../../src/upstream/plan.ts';

/** As the configuration's defaults have it. */
export const plainSpread: PlannedSpread = {
  panicThreshold: 0.5,
  overprovisioning: 1.4,
  zone: null,
  slowStart: null,
};

/** Settings of an upstream for tests that have nothing to say about them. */
export const plainUpstream: Omit<PlannedUpstream, 'id' | 'slot' | 'nodes'> = {
  balancer: { type: 'roundrobin', decayMs: 10_000, boundedLoad: 0 },
  hash: null,
  sticky: null,
  spread: plainSpread,
  passive: { streaks: [], slowMicros: 0, failStatuses: [], retryAfterMs: 0 },
  breaker: null,
  limited: false,
  timeouts: { connect: 1, send: 1, read: 1 },
  retries: null,
  retryTimeout: 0,
  retryStatuses: [],
  passHost: 'pass',
  upstreamHost: null,
  keepalive: { size: 1, idleTimeout: 1, requests: 1 },
};

/** A route that has nothing but its path. */
export function plainRoute(id: string, upstreamId: string): Omit<PlannedRoute, 'slot'> {
  return {
    id,
    uris: [`/${id}`],
    hosts: [],
    methods: [],
    priority: 0,
    remoteAddrs: [],
    upstreamId,
    subset: null,
    timeouts: null,
    websocket: true,
    headroom: 1,
    breaker: null,
    stripPrefix: null,
  };
}

export interface NodeFacts {
  readonly host?: string;
  readonly port?: number;
  readonly weight?: number;
  readonly priority?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function plannedNode(slot: number, facts: NodeFacts = {}): PlannedNode {
  const { host = '127.0.0.1', port = 80, weight = 1, priority = 0, metadata = {} } = facts;
  return { slot, node: { host, port, weight, priority, metadata, tags: [] }, override: null };
}
