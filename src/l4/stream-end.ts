import type { HeadgateError } from '../core/errors.ts';
import type { AccessEnd } from '../telemetry/access-log.ts';
import type { CounterBlock } from '../telemetry/counter-table.ts';
import { RouteField, streamDurationField, streamEndField } from '../telemetry/counters.ts';
import { StreamEnd } from '../telemetry/stream-ends.ts';
import { OWN_FAULTS } from './own-faults.ts';
import type { RelayEnd } from './relay.ts';

const BY_CLIENT: ReadonlySet<StreamEnd> = new Set([
  StreamEnd.clientClosed,
  StreamEnd.clientReset,
  StreamEnd.proxyProtocol,
  StreamEnd.tls,
]);
const BY_UPSTREAM: ReadonlySet<StreamEnd> = new Set([
  StreamEnd.upstreamClosed,
  StreamEnd.upstreamReset,
  StreamEnd.connectFailed,
  StreamEnd.answered,
]);

export function endedBy(end: StreamEnd): AccessEnd['by'] {
  if (BY_CLIENT.has(end)) return 'client';
  return BY_UPSTREAM.has(end) ? 'upstream' : 'self';
}

export function endOfRelay({ by, cause }: RelayEnd): StreamEnd {
  switch (by) {
    case 'client':
      return cause === null ? StreamEnd.clientClosed : StreamEnd.clientReset;
    case 'upstream':
      return cause === null ? StreamEnd.upstreamClosed : StreamEnd.upstreamReset;
    case 'idle':
      return cause === 'FIN_TIMEOUT' ? StreamEnd.finTimeout : StreamEnd.idleTimeout;
    case 'shutdown':
      return endOfCut(cause);
  }
}

/** `cause`: what whoever cut it said. */
export function endOfCut(cause: string | null): StreamEnd {
  if (cause === 'LIFETIME') return StreamEnd.lifetime;
  return cause === 'NODE_GONE' ? StreamEnd.nodeGone : StreamEnd.shutdown;
}

/** Why no node was connected, and the system's error code, or else that of the dial. */
export function endOfDial(error: HeadgateError): { readonly end: StreamEnd; readonly cause: string } {
  const { code } = error;
  if (code === 'BREAKER_OPEN') return { end: StreamEnd.breakerOpen, cause: code };
  if (code === 'NODES_FULL') return { end: StreamEnd.nodesFull, cause: code };
  if (code === 'NO_NODE') return { end: StreamEnd.noNode, cause: code };
  const system = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return { end: OWN_FAULTS.has(system) ? StreamEnd.shortage : StreamEnd.connectFailed, cause: system ?? code };
}

/** `slot`: row of the stream route. */
export function countStreamEnd(counters: CounterBlock, slot: number, end: StreamEnd, durationMs: number): void {
  counters.add(slot, streamEndField(end), 1);
  counters.add(slot, streamDurationField(durationMs / 1000), 1);
  counters.add(slot, RouteField.durationSum, durationMs / 1000);
}
