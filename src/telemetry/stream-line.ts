import { formatTries, milliseconds, number, orNull, quoted, timestamp } from './line-values.ts';
import { STREAM_END_NAMES } from './stream-ends.ts';
import type { StreamEntry } from './stream-entry.ts';

/** One JSON object and a newline, all of it ASCII. `protocol` tells it from the line of an HTTP request. */
export function formatStreamLine(entry: StreamEntry): string {
  const { tls, end } = entry;
  const negotiated = tls === null ? 'null' : `{"version":${quoted(tls.version)},"cipher":${quoted(tls.cipher)}}`;
  return (
    `{"time":${timestamp(entry.time)},"listener":${quoted(entry.listener)},"client":${quoted(entry.client)}` +
    `,"client_port":${number(entry.clientPort)},"peer":${quoted(entry.peer)}` +
    `,"protocol":"${entry.protocol}","server_name":${orNull(entry.serverName)},"tls":${negotiated}` +
    `,"bytes_in":${number(entry.bytesIn)},"bytes_out":${number(entry.bytesOut)}` +
    `,"datagrams_in":${number(entry.datagramsIn)},"datagrams_out":${number(entry.datagramsOut)}` +
    `,"connect_ms":${milliseconds(entry.connectMs)},"first_byte_ms":${milliseconds(entry.firstByteMs)}` +
    `,"duration_ms":${milliseconds(entry.durationMs)}` +
    `,"route":${orNull(entry.route)},"upstream":${orNull(entry.upstream)},"tries":${formatTries(entry.tries)}` +
    `,"end":{"by":"${end.by}","phase":${quoted(end.phase)},"reason":"${STREAM_END_NAMES[end.reason]!}"` +
    `,"cause":${orNull(end.cause)}}}\n`
  );
}
