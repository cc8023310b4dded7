import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import type { StreamListenSettings } from '../config/types.ts';
import { type Address, formatAddress, parseAddress } from '../core/address.ts';
import { HeadgateError } from '../core/errors.ts';
import { listenError } from '../core/listen-error.ts';
import { PLAIN_LISTENER } from '../l4/listener.ts';
import type { UdpListenerPlan } from '../l4/udp-plan.ts';

const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(['ENOTSUP', 'EINVAL', 'ENOPROTOOPT']);

export interface UdpListenerPlans {
  readonly plans: readonly UdpListenerPlan[];
  /** False where the system can't share a port between threads. */
  readonly reusePort: boolean;
}

/**
 * Makes sure that every address can be listened on by UDP, and fixes the ports; see `planListeners`. The plans take the rows
 * of counters from `firstSlot` on, and their `maxConnections` is left open.
 */
export async function planUdpListeners(
  entries: readonly StreamListenSettings[],
  firstSlot: number,
  workers: number,
): Promise<UdpListenerPlans> {
  const plans: UdpListenerPlan[] = [];
  let reusePort = workers > 1;
  for (const entry of entries) {
    const wanted = parseAddress(entry.address);
    if (!wanted) throw badAddress(entry.address);
    const address = await findFree(wanted).catch((error) => {
      throw listenError(entry.address, 'stream_listen', error);
    });
    reusePort &&= await canShare(address);
    plans.push(planOf(entry, address, firstSlot + plans.length, workers));
  }
  return { plans: plans.map((plan) => ({ ...plan, reusePort })), reusePort };
}

function planOf(entry: StreamListenSettings, address: Address, slot: number, workers: number): UdpListenerPlan {
  const { idle_timeout, responses, max_sessions, max_sessions_per_source } = entry.udp;
  const name = entry.address.endsWith(':0') ? formatAddress(address) : entry.address;
  return {
    // TCP may be listened on at the same address; the metrics keep them apart by this name.
    name: `${name}/udp`,
    address,
    slot,
    reusePort: false,
    maxConnections: 0,
    options: PLAIN_LISTENER,
    idleTimeoutMs: idle_timeout * 1000,
    responses: responses ?? null,
    maxSessions: max_sessions,
    evenShare: Math.max(1, Math.floor(max_sessions / workers)),
    maxSessionsPerSource: max_sessions_per_source,
  };
}

async function findFree({ host, port }: Address): Promise<Address> {
  const ip = isIP(host) !== 0 ? host : (await lookup(host)).address;
  return await bindOnce({ host: ip, port }, false);
}

async function canShare(address: Address): Promise<boolean> {
  try {
    await bindOnce(address, true);
    return true;
  } catch (error) {
    if (UNSUPPORTED.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}

/** Binds and lets go again. Resolves with the port, which the system chooses for port 0. */
function bindOnce({ host, port }: Address, reusePort: boolean): Promise<Address> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', reusePort });
    socket.once('error', (error) => socket.close(() => reject(error)));
    socket.bind({ port, address: host, exclusive: true }, () => {
      const bound = { host, port: socket.address().port };
      socket.close(() => resolve(bound));
    });
  });
}

function badAddress(text: string): HeadgateError {
  const message = `"${text}" is not an address such as 0.0.0.0:53`;
  return new HeadgateError(message, { code: 'BAD_ADDRESS', source: 'self' });
}
