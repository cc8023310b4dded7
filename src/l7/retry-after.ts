const FIELD = /^retry-after:[ \t]*([^\r\n]*?)[ \t]*\r?$/im;

/**
 * Milliseconds that an answer asks to wait (RFC 9110 §10.2.3); 0 when it does not, or in a way that can't be read.
 * `fields`: the field lines of the answer. `wall`: wall-clock milliseconds now.
 */
export function retryAfterMs(fields: string, wall: number): number {
  const value = FIELD.exec(fields)?.[1];
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - wall);
}
