import { connect, type Socket } from 'node:net';
import type { Address } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import { reasonOf } from '../../core/errors.ts';
import type { ProbeResult } from '../types.ts';

/** What a probe says and hears on its connection. Each step may end the conversation by returning a result. */
export interface Talk {
  /** The connection stands. `null`: go on and listen. */
  connected(socket: Socket, elapsed: string): ProbeResult | null;
  heard(bytes: Buffer, elapsed: string): ProbeResult | null;
}

const ABORTED: ProbeResult = { verdict: 'neutral', detail: 'aborted' };

/** When a timeout fires this late the process stood still, and the answer may have been waiting to be read. */
const HELD_UP_MS = 250;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name lookup failed',
};

/** Shortages of this machine, which say nothing about the node. */
const OWN_TROUBLE = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

function failure(error: NodeJS.ErrnoException): ProbeResult {
  const code = error.code ?? '';
  return { verdict: OWN_TROUBLE.has(code) ? 'neutral' : 'tcp', detail: REASONS[code] ?? reasonOf(error) };
}

/**
 * Opens a connection, lets `talk` decide, and always closes it. Resolves exactly once and never rejects: after `timeoutMs`
 * with `timeout`, after an abort with `neutral`, and with `tcp` when there is no connection or it ends too early.
 */
export function converse(
  address: Address,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
  talk: Talk,
): Promise<ProbeResult> {
  if (signal.aborted) return Promise.resolve(ABORTED);
  let socket: Socket;
  try {
    socket = connect({ host: address.host, port: address.port });
  } catch (error) {
    return Promise.resolve(failure(error as NodeJS.ErrnoException));
  }
  return new Promise((resolve) => {
    const began = clock.now();
    const elapsed = () => `${Math.round(clock.now() - began)} ms`;
    let connected = false;
    const finish = (result: ProbeResult | null) => {
      if (result === null) return;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(result);
    };
    const onAbort = () => finish(ABORTED);
    const timer = clock.after(timeoutMs, () => {
      const late = clock.now() - began - timeoutMs > HELD_UP_MS;
      const detail = `no ${connected ? 'answer' : 'connection'} within ${timeoutMs} ms`;
      finish(late ? { verdict: 'neutral', detail: 'this process was held up' } : { verdict: 'timeout', detail });
    });
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => {
      connected = true;
      finish(talk.connected(socket, elapsed()));
    });
    socket.on('data', (bytes: Buffer) => finish(talk.heard(bytes, elapsed())));
    // Stays for the socket's life: an error after the end of the conversation must not become an uncaught one.
    socket.on('error', (error) => finish(failure(error)));
    socket.on('close', () => finish({ verdict: 'tcp', detail: 'connection closed before the answer was complete' }));
  });
}
