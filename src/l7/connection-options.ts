import { isBlank } from './bytes.ts';

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** A sender that names these wants to strip what routing, framing, identity or tracing on the other side depends on. */
const PROTECTED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'transfer-encoding',
  'authorization',
  'cookie',
  'set-cookie',
  'expect',
  'forwarded',
  'x-real-ip',
  'traceparent',
  'tracestate',
]);

/** Options with a meaning of their own; the fields of these names, if any, are hop-by-hop anyway. */
const KNOWN: ReadonlySet<string> = new Set(['close', 'keep-alive', 'upgrade', 'te', 'trailer', 'http2-settings']);

/** Members of one list: more are an attempt to keep the reader busy. */
const MAX_TOKENS = 64;

/**
 * The members of a list of tokens, in lower case; null when one is no token or there are too many. Empty members are
 * skipped (RFC 9110 §5.6.1).
 */
export function tokensOf(value: string): string[] | null {
  const parts = value.split(',', MAX_TOKENS + 1);
  if (parts.length > MAX_TOKENS) return null;
  const tokens: string[] = [];
  for (const part of parts) {
    const token = withoutBlanks(part).toLowerCase();
    if (token === '') continue;
    if (!TOKEN.test(token)) return null;
    tokens.push(token);
  }
  return tokens;
}

/** Unlike `trim`, leaves everything but SP and HTAB; unlike a pattern, takes linear time. */
function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

export function isProtected(name: string): boolean {
  return PROTECTED.has(name) || name.startsWith('x-forwarded');
}

export function isOption(token: string): boolean {
  return KNOWN.has(token);
}

/** `fields` without the lines whose names are in `names` (lower case). */
export function withoutFields(fields: string, names: ReadonlySet<string>): string {
  let kept = '';
  for (let start = 0; start < fields.length; ) {
    const next = fields.indexOf('\r\n', start) + 2;
    const name = fields.slice(start, fields.indexOf(':', start)).toLowerCase();
    if (!names.has(name)) kept += fields.slice(start, next);
    start = next;
  }
  return kept;
}
