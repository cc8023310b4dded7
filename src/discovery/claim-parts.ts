import { isHost } from '../core/address.ts';

/** The methods that a route can name. */
const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PURGE']);

/** What RFC 3986 allows in a path, section 3.3. */
const PATH = /^\/[A-Za-z0-9\-._~!$&'()+,;=:@%/]*$/;
const PATH_LENGTH = 2_048;

/** A host of a claim in lower case, exact or with a leading `*.`; null when it is none. A final dot is dropped. */
export function readHost(text: string): string | null {
  const host = text.toLowerCase().replace(/\.$/, '');
  const name = host.startsWith('*.') ? host.slice(2) : host;
  if (name.includes(':') || !isHost(name)) return null;
  return host;
}

/** An exact path or a prefix that ends in `*`; null when it is neither. */
export function readUri(text: string): string | null {
  const path = text.endsWith('*') ? text.slice(0, -1) : text;
  if (!isPath(path) || text.length > PATH_LENGTH) return null;
  return text;
}

/** A path without a wildcard, and without segments that a client or a server would resolve away. */
export function isPath(text: string): boolean {
  return PATH.test(text) && !/\/\.{1,2}(?:\/|$)/.test(text);
}

/** Upper case; null when it is not one of the methods that a route can name. */
export function readMethod(text: string): string | null {
  const method = text.toUpperCase();
  return METHODS.has(method) ? method : null;
}

/** A whole number within bounds, as text; null when it is none. */
export function readInteger(text: string, min: number, max: number): number | null {
  if (!/^-?\d{1,9}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}
