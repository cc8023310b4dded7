import { Outcome } from '../balancers/types.ts';
import { Relay, type RelayEnd } from '../l4/relay.ts';
import { ListenerField } from '../telemetry/counters.ts';
import { endTunnel } from './exchange-end.ts';
import type { ExchangeState } from './exchange-state.ts';
import type { NodeChoice } from './node-choice.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** How long the second side of a tunnel may be silent when the first has ended. */
const FIN_TIMEOUT_MS = 30_000;

/**
 * Makes one stream of bytes of an upgraded request's two connections. The 101 is written already; `fromUpstream` came
 * right behind it, and what the client sent ahead of it goes to the node only now. Silence is borne for the route's read
 * timeout, as in nginx and APISIX: a WebSocket without a ping for that long is cut. When the node goes, the tunnel does
 * what its upstream says.
 */
export function openTunnel(
  state: ExchangeState,
  choice: NodeChoice,
  connection: UpstreamConnection,
  fromUpstream: Buffer,
): void {
  const { context, client, routing } = state;
  const { plane, plan } = context;
  const { departures } = plane;
  const { handle } = connection;
  const upstream = routing.upstream!;
  const fromClient = client.handOver();
  const use = { cut: (cause: string) => relay.destroy(cause) };
  const relay: Relay = new Relay(client.socket, connection.socket, {
    wheel: plane.wheel,
    idleTimeoutMs: routing.timeouts.read,
    finTimeoutMs: FIN_TIMEOUT_MS,
    onEnd: (end) => {
      departures.remove(upstream.plan.id, handle, use);
      // What the client's connection handed over was counted when it was read.
      plane.listenerCounters.add(plan.slot, ListenerField.receivedBytes, end.toUpstream - fromClient.length);
      ended(state, choice, end);
    },
  });
  departures.add(upstream, handle, use);
  plane.listenerCounters.add(plan.slot, ListenerField.upgrades, 1);
  // The bytes lie in memory that is read into again.
  const early = Buffer.from(fromUpstream);
  connection.tunnel(relay, client.socket);
  client.tunnelOpened(relay);
  relay.start(fromClient);
  if (early.length > 0 && !relay.upstreamData(early, early.length)) connection.pause();
}

function ended(state: ExchangeState, choice: NodeChoice, end: RelayEnd): void {
  choice.use.received += end.toClient;
  state.toUpstream.written += end.toUpstream;
  choice.countOut(end.by === 'upstream' && end.cause !== null ? Outcome.reset : Outcome.success);
  endTunnel(state, end);
}
