import { createServer } from 'node:net';
import type { StreamListenSettings } from '../config/types.ts';
import { type Address, formatAddress, parseAddress } from '../core/address.ts';
import { HeadgateError } from '../core/errors.ts';
import { listenError } from '../core/listen-error.ts';
import { type ListenerPlan, PLAIN_LISTENER } from '../l4/listener.ts';
import type { UdpListenerPlan } from '../l4/udp-plan.ts';
import { planUdpListeners } from './udp-listeners.ts';

export interface ListenerPlans {
  readonly http: readonly ListenerPlan[];
  readonly tcp: readonly ListenerPlan[];
  readonly udp: readonly UdpListenerPlan[];
  /** False where the system can't share a port between threads: then there must be one worker. */
  readonly reusePort: boolean;
}

type Binding = 'free' | 'unsupported' | { readonly error: unknown };

/** Binds and lets go again. Resolves with the port, which the system chooses for port 0. */
function tryBind(address: Address, reusePort: boolean): Promise<{ port: number; result: Binding }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const unsupported =
        reusePort && (error.code === 'ENOTSUP' || error.code === 'EINVAL' || error.code === 'ENOPROTOOPT');
      resolve({ port: address.port, result: unsupported ? 'unsupported' : { error } });
    });
    server.listen({ host: address.host, port: address.port, reusePort, exclusive: true }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound ? bound.port : address.port;
      server.close(() => resolve({ port, result: 'free' }));
    });
  });
}

/**
 * Makes sure, before any worker starts, that every address can be listened on, and fixes the ports. The check binds without
 * SO_REUSEPORT: two instances on one port would otherwise share the traffic in silence.
 */
export async function planListeners(
  http: readonly string[],
  stream: readonly StreamListenSettings[],
  workers: number,
): Promise<ListenerPlans> {
  const tcp = stream.filter(({ protocol }) => protocol === 'tcp').map(({ address }) => address);
  const names = [...http, ...tcp];
  const addresses: Address[] = [];
  let reusePort = true;
  for (const [index, name] of names.entries()) {
    const key = index < http.length ? 'listen' : 'stream_listen';
    const wanted = parseAddress(name);
    if (!wanted)
      throw new HeadgateError(`"${name}" is not an address such as 0.0.0.0:9080`, {
        code: 'BAD_ADDRESS',
        source: 'self',
      });
    const { port, result } = await tryBind(wanted, false);
    if (typeof result === 'object') throw listenError(name, key, result.error as NodeJS.ErrnoException);
    const address = { host: wanted.host, port };
    addresses.push(address);
    if (workers > 1 && (await tryBind(address, true)).result === 'unsupported') reusePort = false;
  }
  const datagrams = stream.filter(({ protocol }) => protocol === 'udp');
  const udp = await planUdpListeners(datagrams, names.length, workers);
  if (workers > 1 && datagrams.length > 0) reusePort &&= udp.reusePort;
  const plans = addresses.map((address, slot) => ({
    name: names[slot]!.endsWith(':0') ? formatAddress(address) : names[slot]!,
    address,
    slot,
    reusePort: reusePort && workers > 1,
    maxConnections: 0,
    options: PLAIN_LISTENER,
  }));
  return { http: plans.slice(0, http.length), tcp: plans.slice(http.length), udp: udp.plans, reusePort };
}
