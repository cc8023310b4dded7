import type { AccessEntry } from './access-entry.ts';
import { formatTries, milliseconds, number, orNull, quoted, timestamp } from './line-values.ts';

function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

/** One JSON object and a newline, all of it ASCII. */
export function formatAccessLine(entry: AccessEntry): string {
  const { end } = entry;
  return (
    `{"time":${timestamp(entry.time)},"listener":${quoted(entry.listener)},"client":${quoted(entry.client)}` +
    `,"method":${quoted(entry.method)},"host":${quoted(entry.host)},"path":${quoted(withoutQuery(entry.path))}` +
    `,"protocol":${quoted(entry.protocol)},"status":${number(entry.status)}` +
    `,"bytes_in":${number(entry.bytesIn)},"bytes_out":${number(entry.bytesOut)}` +
    `,"duration_ms":${milliseconds(entry.durationMs)}` +
    `,"route":${orNull(entry.route)},"upstream":${orNull(entry.upstream)},"tries":${formatTries(entry.tries)}` +
    `,"end":{"by":${quoted(end.by)},"phase":${quoted(end.phase)},"cause":${orNull(end.cause)}}}\n`
  );
}
