import { StreamEnd } from '../telemetry/stream-ends.ts';

/** Why a session ended. */
export type UdpEnd =
  | 'answered'
  | 'idle'
  | 'evicted'
  | 'no-route'
  | 'no-node'
  | 'shortage'
  | 'address-gone'
  | 'shutdown';

const STREAM_ENDS: Readonly<Record<UdpEnd, StreamEnd>> = {
  answered: StreamEnd.answered,
  idle: StreamEnd.idleTimeout,
  evicted: StreamEnd.evicted,
  'no-route': StreamEnd.route,
  'no-node': StreamEnd.noNode,
  shortage: StreamEnd.shortage,
  'address-gone': StreamEnd.addressGone,
  shutdown: StreamEnd.shutdown,
};

/** What it is called in metrics and logs; `no-node` may have a nearer reason. */
export function streamEndOf(end: UdpEnd): StreamEnd {
  return STREAM_ENDS[end];
}

const CAUSES: ReadonlyMap<StreamEnd, string> = new Map([
  [StreamEnd.evicted, 'EVICTED'],
  [StreamEnd.route, 'NO_ROUTE'],
  [StreamEnd.noNode, 'NO_NODE'],
  [StreamEnd.nodesFull, 'NODES_FULL'],
  [StreamEnd.breakerOpen, 'BREAKER_OPEN'],
  [StreamEnd.connectFailed, 'CONNECT_FAILED'],
  [StreamEnd.shortage, 'SHORTAGE'],
  [StreamEnd.addressGone, 'ADDRESS_GONE'],
  [StreamEnd.shutdown, 'SHUTDOWN'],
]);

/** Null when the session ended in order: silence is disorder only where as many replies are known to be due. */
export function causeOf(reason: StreamEnd, repliesDue: boolean): string | null {
  if (reason === StreamEnd.idleTimeout) return repliesDue ? 'IDLE_TIMEOUT' : null;
  return CAUSES.get(reason) ?? null;
}

const CONNECTING: ReadonlySet<StreamEnd> = new Set([
  StreamEnd.noNode,
  StreamEnd.nodesFull,
  StreamEnd.breakerOpen,
  StreamEnd.connectFailed,
  StreamEnd.shortage,
]);

/** The stage that the session was in, as the access log names it. */
export function phaseOf(reason: StreamEnd): string {
  if (reason === StreamEnd.route) return 'route';
  return CONNECTING.has(reason) ? 'connect' : 'relay';
}
