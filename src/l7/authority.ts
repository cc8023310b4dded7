import { isIPv6 } from 'node:net';
import { Byte, HOST, HostKind } from './bytes.ts';

/** `host[:port]` in a buffer. Reused: valid until the next call of `parseAuthority`. */
export class AuthorityCursor {
  /** End of the host, without port and without a trailing dot. */
  hostEnd = 0;
  hasUpperCase = false;
}

const LONGEST = 262;

/**
 * Whether `start` to `end` is `host[:port]` (RFC 9110 §7.2), narrowed to what names and addresses are made of: no user
 * information, no escapes, no empty label, no empty port.
 */
export function parseAuthority(buffer: Buffer, start: number, end: number, authority: AuthorityCursor): boolean {
  authority.hasUpperCase = false;
  if (end - start > LONGEST) return false;
  if (buffer[start] === Byte.bracket) return parseIpv6(buffer, start, end, authority);
  let previous: number = HostKind.dot;
  let i = start;
  for (; i < end; i++) {
    const kind = HOST[buffer[i] as number] as number;
    if (kind !== HostKind.plain) {
      if (kind === HostKind.dot) {
        if (previous === HostKind.dot) return false;
      } else if (kind === HostKind.upper) {
        authority.hasUpperCase = true;
      } else {
        break;
      }
    }
    previous = kind;
  }
  if (i === start) return false;
  authority.hostEnd = previous === HostKind.dot ? i - 1 : i;
  return i === end || isPort(buffer, i, end);
}

function parseIpv6(buffer: Buffer, start: number, end: number, authority: AuthorityCursor): boolean {
  const text = buffer.toString('latin1', start, end);
  const close = text.indexOf(']');
  const address = text.slice(1, close);
  if (close < 0 || address.includes('%') || !isIPv6(address)) return false;
  authority.hasUpperCase = address !== address.toLowerCase();
  authority.hostEnd = start + close + 1;
  return authority.hostEnd === end || isPort(buffer, authority.hostEnd, end);
}

/** A colon and 1 to 5 digits that make at most 65535. */
function isPort(buffer: Buffer, start: number, end: number): boolean {
  if (buffer[start] !== Byte.colon || end - start < 2 || end - start > 6) return false;
  let port = 0;
  for (let i = start + 1; i < end; i++) {
    const digit = (buffer[i] as number) - Byte.zero;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
