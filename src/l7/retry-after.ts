import type { Clock } from '../core/clock.ts';
import type { TableHandle } from '../upstream/handle.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ResponseHead } from './head.ts';

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

/** New requests go to other nodes while this one asks for a pause, if its upstream heeds that. */
export function heedRetryAfter(
  { fields }: ResponseHead,
  upstream: Upstream,
  handle: TableHandle,
  { clock }: { readonly clock: Clock },
): void {
  const longest = upstream.plan.passive.retryAfterMs;
  if (longest === 0) return;
  const asked = retryAfterMs(fields, clock.wall());
  if (asked > 0) upstream.setAside(handle, clock.now(), Math.min(asked, longest));
}
