import { reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { parseQuery, ResultCode } from './query.ts';
import { encodeRefusal, encodeReply, TCP_LIMIT, udpLimit } from './reply.ts';
import type { Zone } from './zone.ts';

/** Bytes in, bytes out. Null for what gets no answer. Never throws: a question is not worth more than itself. */
export function respond(zone: Zone, message: Uint8Array, transport: 'udp' | 'tcp', log: Log): Uint8Array | null {
  try {
    const query = parseQuery(message);
    if (query === null) return null;
    if (!('labels' in query)) return encodeRefusal(query, ResultCode.badFormat);
    return encodeReply(query, zone.answer(query), transport === 'udp' ? udpLimit(query) : TCP_LIMIT);
  } catch (error) {
    log.error('dns.failed', `a DNS question could not be answered: ${reasonOf(error)}`);
    return null;
  }
}
