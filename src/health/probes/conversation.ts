import { connect, type Socket } from 'node:net';
import type { Address } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import type { ProbeResult } from '../types.ts';
import { attempt, broken, failure } from './attempt.ts';
import type { TlsClient } from './tls-client.ts';

/** What a probe says and hears on its connection. Each step may end the conversation by returning a result. */
export interface Talk {
  /** The connection stands, TLS included. `null`: go on and listen. */
  connected(socket: Socket, elapsed: () => string): ProbeResult | null;
  /** `bytes` are overwritten by what comes next. */
  heard(bytes: Buffer, elapsed: () => string): ProbeResult | null;
  /** The node has closed the connection. `null`: too early. */
  ended?(elapsed: () => string): ProbeResult | null;
}

export interface Conversation {
  readonly address: Address;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Null for plain text. */
  readonly tls: TlsClient | null;
}

/** What every plain connection of this thread reads into: each read is dealt with before the next one begins. */
const scratch = Buffer.allocUnsafe(16_384);

/**
 * Opens a connection, lets `talk` decide, and always closes it. Resolves exactly once and never rejects: as `attempt`, and
 * with `tcp` when there is no connection or it ends too early.
 */
export function converse(conversation: Conversation, talk: Talk): Promise<ProbeResult> {
  const { address, timeoutMs, clock, signal, tls } = conversation;
  return attempt(timeoutMs, clock, signal, ({ finish, elapsed }) => {
    let awaits = 'connection';
    const hear = (bytes: Buffer) => finish(talk.heard(bytes, elapsed));
    const socket = tls ? tls.connect(address) : open(address, hear);
    if (tls) socket.on('data', hear).once('connect', () => (awaits = 'TLS handshake'));
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      awaits = 'answer';
      finish(talk.connected(socket, elapsed));
    });
    // Stays for the socket's life: an error after the end of the conversation must not become an uncaught one.
    socket.on('error', (error) => finish(failure(error)));
    socket.on('end', () => finish(talk.ended?.(elapsed) ?? null));
    socket.on('close', () => finish(broken('connection closed before the answer was complete')));
    return { awaits: () => awaits, release: () => socket.destroy() };
  });
}

function open({ host, port }: Address, hear: (bytes: Buffer) => void): Socket {
  const callback = (length: number) => {
    hear(scratch.subarray(0, length));
    return true;
  };
  return connect({ host, port, onread: { buffer: scratch, callback } });
}
