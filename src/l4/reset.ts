import type { Socket } from 'node:net';

/** The TCP socket below a TLS one: only that can send an RST. */
const carriers = new WeakMap<Socket, Socket>();

/** Says that `secure` speaks TLS over `carrier`. */
export function carries(carrier: Socket, secure: Socket): void {
  carriers.set(secure, carrier);
}

/**
 * Ends a connection with an RST, so that the peer does not take what it got for all. An RST can't follow our own FIN: there the
 * socket is closed, and the kernel answers what still comes with an RST.
 */
export function reset(socket: Socket): void {
  const carrier = carriers.get(socket);
  const ended = socket.writableEnded;
  if (carrier && !carrier.destroyed && !ended) carrier.resetAndDestroy();
  if (socket.destroyed) return;
  if (carrier || ended) socket.destroy();
  else socket.resetAndDestroy();
}
