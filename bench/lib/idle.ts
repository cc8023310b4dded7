import { IdleClients, relayable } from '../../test/support/idle-clients.ts';
import { settled } from '../../test/support/resident-memory.ts';
import type { Load, Target } from './lanes.ts';
import { residentBytes } from './process.ts';

const CONNECTIONS = 10_000;
/** Connections that have come and gone before: what every proxy allocates once is not counted. */
const WARM_UP = 200;
/** Connections that carry one request each and stay open: what the proxy's resident memory grows by. */
export async function idleConnections({ core, port, pid }: Target): Promise<Load> {
  const onCore = ['taskset', '-c', String(core)];
  await (await IdleClients.open(port, WARM_UP, onCore)).close();
  const before = await settled(() => residentBytes(pid));
  const started = performance.now();
  const clients = await IdleClients.open(port, relayable(CONNECTIONS), onCore);
  const seconds = (performance.now() - started) / 1000;
  try {
    const heldBytes = (await settled(() => residentBytes(pid))) - before;
    const work = await clients.count();
    return { work, seconds, errors: relayable(CONNECTIONS) - work, p50: null, p99: null, heldBytes };
  } finally {
    await clients.close();
  }
}
