import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { Probe, UdpQuestion } from '../types.ts';
import { attempt, broken, failure } from './attempt.ts';

export interface UdpProbeOptions extends Omit<UdpQuestion, 'type'> {
  readonly timeoutMs: number;
}

/**
 * Sends a datagram, an empty one if there is nothing to say, and waits for the answer. Without `expect` any answer is a
 * success; so is silence to the end of the timeout, as only the refusal (ICMP port unreachable) tells that nobody listens.
 */
export function createUdpProbe({ timeoutMs, send, expect }: UdpProbeOptions, clock: Clock = systemClock): Probe {
  const speech = Buffer.from(send ?? '', 'hex');
  const wanted = expect === null ? null : Buffer.from(expect, 'hex');
  return {
    check: ({ host, port }, signal) =>
      attempt(timeoutMs, clock, signal, ({ finish, elapsed }) => {
        const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
        socket.on('error', (error) => {
          const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
          finish(refused ? broken('port unreachable') : failure(error));
        });
        socket.on('message', (bytes) => {
          const fits = wanted === null || bytes.includes(wanted);
          finish(
            fits
              ? { verdict: 'success', detail: `answer in ${elapsed()}` }
              : broken('the answer is not what was expected'),
          );
        });
        // Only a connected socket is told of a refusal.
        socket.once('connect', () => socket.send(speech, (error) => finish(error ? failure(error) : null)));
        socket.connect(port, host);
        return {
          awaits: () => 'answer',
          release: () => socket.close(),
          ...(wanted ? {} : { onTimeout: () => ({ verdict: 'success', detail: `no refusal within ${timeoutMs} ms` }) }),
        };
      }),
  };
}
