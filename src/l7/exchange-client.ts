import type { Socket } from 'node:net';
import type { Relay } from '../l4/relay.ts';
import type { ClientForwarding } from './client-forwarding.ts';
import type { InputBuffer } from './input-buffer.ts';

/** What an exchange needs of the client's connection. */
export interface ExchangeClient {
  readonly socket: Socket;
  readonly forwarding: ClientForwarding;
  /** Received and not used yet: the body of the request, and requests behind it. */
  readonly input: InputBuffer;
  /** The client has sent its FIN: nothing will follow what is in `input`. */
  readonly ended: boolean;
  pause(): void;
  resume(): void;
  /** Tells the exchange after that time that the client has stalled; 0 for never. */
  awaitClient(timeoutMs: number): void;
  /** The exchange is over. Without `keepAlive` the connection ends when the client has what was written. */
  exchangeEnded(keepAlive: boolean): void;
  /** Cuts the connection with an RST: what was sent is not a whole response. */
  abort(): void;
  /** Stops to watch the socket, and hands over what it has read. */
  handOver(): Buffer;
  /** The socket is one side of a tunnel now. */
  tunnelOpened(relay: Relay): void;
  tunnelClosed(): void;
}
