/**
 * Who is connected with whom, as `net.Socket` gives it: the client and the address that it connected to. Behind a proxy that
 * speaks the PROXY protocol it is what that proxy says. Read only when something asks, since a socket asks the system.
 */
export interface ConnectionPeers {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}
