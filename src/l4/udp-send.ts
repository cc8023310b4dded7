import type { Socket } from 'node:dgram';

/** Bytes that may wait in a socket for the system to take them. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/** True when the socket can take one more datagram. UDP has no way to slow the sender down: what does not fit is dropped. */
export function hasRoom(socket: Pick<Socket, 'getSendQueueSize'>): boolean {
  return socket.getSendQueueSize() < MAX_QUEUED_BYTES;
}

/** For sockets that are given IP addresses only: the answer comes in the same turn. */
export function noLookup(
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, host, 0);
}
