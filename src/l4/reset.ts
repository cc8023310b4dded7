import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Ends a connection so that the peer does not take what it got for all: with an RST. An RST can't follow our own FIN: there the
 * socket is closed, and the kernel answers what still comes with an RST. A TLS peer sees the connection close without
 * TLS's own end, close_notify, which says the same (RFC 8446, section 6.1).
 */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.writableEnded || socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
