import { type Clock, systemClock } from '../../core/clock.ts';
import type { Probe, TlsQuestion } from '../types.ts';
import { broken } from './attempt.ts';
import { ByteSearch } from './byte-search.ts';
import { converse } from './conversation.ts';
import { tlsClientFor } from './tls-client.ts';

export interface TcpProbeOptions {
  readonly timeoutMs: number;
  /** Null, as by default, for plain text. */
  readonly tls?: TlsQuestion | null;
  /** What to say once connected, as hex digits; null for nothing. */
  readonly send?: string | null;
  /** What must then be heard, as hex digits; null when the connection alone is enough. */
  readonly expect?: string | null;
}

/** Of what the node says no more is looked at. */
const MAX_ANSWER = 65_536;

/** Asks whether a connection, with TLS or without, can be made, and whether what is said on it is answered as expected. */
export function createTcpProbe(options: TcpProbeOptions, clock: Clock = systemClock): Probe {
  const { timeoutMs, send = null, expect = null } = options;
  const tls = tlsClientFor(options.tls ?? null, null);
  const done = tls ? 'TLS handshake' : 'connected';
  const speech = send === null ? null : Buffer.from(send, 'hex');
  const wanted = expect === null ? null : Buffer.from(expect, 'hex');
  return {
    check: (address, signal) => {
      const search = wanted ? new ByteSearch(wanted) : null;
      let heard = 0;
      return converse(
        { address, timeoutMs, clock, signal, tls },
        {
          connected: (socket, elapsed) => {
            if (speech) socket.write(speech);
            return search ? null : { verdict: 'success', detail: `${done} in ${elapsed()}` };
          },
          heard: (bytes, elapsed) => {
            if (!search) return null;
            if (search.feed(bytes)) return { verdict: 'success', detail: `expected answer in ${elapsed()}` };
            heard += bytes.length;
            return heard >= MAX_ANSWER ? broken(`the first ${heard} bytes are not what was expected`) : null;
          },
          ended: () => (heard > 0 ? broken('the answer is not what was expected') : null),
        },
      );
    },
  };
}
