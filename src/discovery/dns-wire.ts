import { createSocket } from 'node:dgram';
import type { EventEmitter } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import type { Address } from '../core/address.ts';
import { HeadgateError } from '../core/errors.ts';

/** Reads an answer; null when it is not one to our question. */
export type ReadAnswer<T> = (bytes: Uint8Array) => T | null;

/**
 * Sends one datagram and waits for its answer until `signal` aborts.
 *
 * A socket of its own for each question gives each a source port of the kernel's choice, and being connected it takes
 * nothing from any other address. What does not answer the question is passed over, since it may be forged.
 */
export function askByUdp<T>(
  server: Address,
  message: Uint8Array,
  read: ReadAnswer<T>,
  signal: AbortSignal,
): Promise<T> {
  const open = () => createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
  return exchange(
    open,
    (socket) => socket.close(),
    signal,
    (socket, resolve, fail) => {
      socket.on('message', (bytes) => {
        try {
          const answer = read(bytes);
          if (answer !== null) resolve(answer);
        } catch (error) {
          fail(error);
        }
      });
      socket.once('connect', () => socket.send(message));
      socket.connect(server.port, server.host);
    },
  );
}

/** Asks over a connection of its own: for answers that do not fit a datagram. */
export function askByTcp<T>(
  server: Address,
  message: Uint8Array,
  read: ReadAnswer<T>,
  signal: AbortSignal,
): Promise<T> {
  const open = () => connect({ host: server.host, port: server.port });
  return exchange(
    open,
    (socket) => socket.destroy(),
    signal,
    (socket, resolve, fail) => {
      socket.on('end', () => fail(unusable('ended the connection before its answer was complete')));
      let received = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        try {
          const answer = read(received.subarray(2, 2 + received.readUInt16BE(0)));
          if (answer === null) fail(unusable('answered something else by TCP'));
          else resolve(answer);
        } catch (error) {
          fail(error);
        }
      });
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    },
  );
}

/** Opens a socket for one question, and closes it with the answer, with a failure, or when `signal` aborts. */
function exchange<S extends EventEmitter, T>(
  open: () => S,
  close: (socket: S) => void,
  signal: AbortSignal,
  ask: (socket: S, resolve: (answer: T) => void, fail: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = open();
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', cancel);
      socket.removeAllListeners().on('error', () => {});
      close(socket);
      settle();
    };
    const fail = (error: unknown) => finish(() => reject(error));
    const cancel = () => fail(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    socket.on('error', fail);
    ask(socket, (answer) => finish(() => resolve(answer)), fail);
  });
}

function unusable(what: string): HeadgateError {
  return new HeadgateError(what, { code: 'DNS_ANSWER', source: 'upstream' });
}
