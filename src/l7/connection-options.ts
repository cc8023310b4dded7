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

/** The members of a list of tokens, in lower case; null when one is no token. Empty members are skipped (RFC 9110 §5.6.1). */
export function tokensOf(value: string): string[] | null {
  const tokens: string[] = [];
  for (const part of value.split(',')) {
    const token = part.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase();
    if (token === '') continue;
    if (!TOKEN.test(token)) return null;
    tokens.push(token);
  }
  return tokens;
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
