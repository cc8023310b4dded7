import type { ExchangeState } from './exchange-state.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Sets the timers of both connections by what an exchange waits for now. */
export function awaitNext(state: ExchangeState, connection: UpstreamConnection): void {
  const { client, context, routing } = state;
  if (state.phase === 'connect') return client.awaitClient(0);
  const nodeIsSlow = connection.socket.writableNeedDrain;
  const clientIsSlow = client.socket.writableNeedDrain;
  const wantsBody = !state.body.complete;
  if (nodeIsSlow) connection.awaitSend(routing.timeouts.send);
  else if (clientIsSlow || wantsBody) connection.awaitNothing();
  else connection.awaitRead(routing.timeouts.read);
  if (clientIsSlow) client.awaitClient(routing.timeouts.send);
  else client.awaitClient(wantsBody && !nodeIsSlow ? context.settings.idleTimeoutMs : 0);
}
