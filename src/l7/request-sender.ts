import type { ClientForwarding } from './client-forwarding.ts';
import type { ExchangeState } from './exchange-state.ts';
import { authorityFor, buildRequestHead, type OutboundRequest } from './forward-head.ts';
import { forwardTarget } from './router.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** The request on its way to a node. Reused. */
export class RequestSender implements OutboundRequest {
  authority = '';
  target = '';
  readonly forwarding: ClientForwarding;
  readonly #state: ExchangeState;

  constructor(state: ExchangeState) {
    this.#state = state;
    this.forwarding = state.client.forwarding;
  }

  /** Settles what is the same for every node. */
  begin(): void {
    const { head, routing } = this.#state;
    const route = routing.route!;
    // A route without WebSocket forwards the request as an ordinary one.
    if (!route.websocket) head.upgrade = '';
    this.target = forwardTarget(route, head);
  }

  /** The connection of this try does not stand yet. */
  detach(): void {
    this.#state.toUpstream.attach(null);
  }

  /** Makes the head for that node, to go out with what follows. */
  head(connection: UpstreamConnection): void {
    const { head, routing, toUpstream } = this.#state;
    this.authority = authorityFor(routing.upstream!.plan, head.authority, connection.handle.node);
    toUpstream.attach(connection.socket);
    toUpstream.text(buildRequestHead(head, this));
  }

  /** Writes what was gathered, and what is there of the body. False: the body is malformed. */
  push(): boolean {
    const { body, client, toUpstream } = this.#state;
    const isWell = body.take(client.input, toUpstream);
    toUpstream.flush();
    return isWell;
  }
}
