import { Relay, type RelayEnd } from '../l4/relay.ts';
import { ListenerField } from '../telemetry/counters.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ExchangeClient } from './exchange-client.ts';
import type { HttpContext } from './http-context.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** How long the second side of a tunnel may be silent when the first has ended. */
const FIN_TIMEOUT_MS = 30_000;

/**
 * Makes one stream of bytes of an upgraded request's two connections. The 101 is written already; `fromUpstream` came
 * right behind it, and what the client sent ahead of it goes to the node only now. `idleTimeoutMs` is the route's read
 * timeout, as in nginx and APISIX: a WebSocket without a ping for that long is cut. When the node goes, the tunnel does what
 * `upstream` says.
 */
export function openTunnel(
  context: HttpContext,
  upstream: Upstream,
  idleTimeoutMs: number,
  client: ExchangeClient,
  connection: UpstreamConnection,
  fromUpstream: Buffer,
  onEnd: (end: RelayEnd) => void,
): void {
  const fromClient = client.handOver();
  const { handle } = connection;
  const { departures, listenerCounters } = context.plane;
  const use = { cut: (cause: string) => relay.destroy(cause) };
  const relay: Relay = new Relay(client.socket, connection.socket, {
    wheel: context.plane.wheel,
    idleTimeoutMs,
    finTimeoutMs: FIN_TIMEOUT_MS,
    onEnd: (end) => {
      departures.remove(upstream.plan.id, handle, use);
      // What the client's connection handed over was counted when it was read.
      listenerCounters.add(context.plan.slot, ListenerField.receivedBytes, end.toUpstream - fromClient.length);
      context.countSent(end.toClient);
      onEnd(end);
    },
  });
  departures.add(upstream, handle, use);
  listenerCounters.add(context.plan.slot, ListenerField.upgrades, 1);
  // The bytes lie in memory that is read into again.
  const early = Buffer.from(fromUpstream);
  connection.tunnel(relay, client.socket);
  client.tunnelOpened(relay);
  relay.start(fromClient);
  if (early.length > 0 && !relay.upstreamData(early, early.length)) connection.pause();
}
