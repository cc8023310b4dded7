import { HEX } from './bytes.ts';

const NEEDS_WORK = /[%\\]|\/(?:\/|\.\.?(?:\/|$))/;
const UNRESERVED = /[A-Za-z0-9._~-]/;
/** Escapes that some servers decode before they split the path and others do not: `/`, `\` and NUL. */
const AMBIGUOUS: ReadonlySet<string> = new Set(['%2F', '%5C', '%00']);

/**
 * The one form of a path (beginning with `/`, without the query) by which routes are matched and which is forwarded, so
 * that the node cannot understand another path than the router did (RFC 3986 §6.2.2).
 *
 * Escapes of unreserved characters are decoded and the others written in upper case; `.` and `..` are resolved; repeated
 * slashes become one, as in nginx. Null when the path is ambiguous: `%2F`, `%5C`, `%00`, `\`, an incomplete escape, or `..`
 * above the root. A path that is normal already is returned as it is.
 */
export function normalisePath(path: string): string | null {
  if (!NEEDS_WORK.test(path)) return path;
  const decoded = path.includes('%') ? decodeEscapes(path) : path;
  if (decoded === null || decoded.includes('\\')) return null;
  return resolveSegments(decoded);
}

function decodeEscapes(path: string): string | null {
  let decoded = '';
  let from = 0;
  for (let at = path.indexOf('%'); at >= 0; at = path.indexOf('%', from)) {
    const high = HEX[path.charCodeAt(at + 1)] ?? 0;
    const low = HEX[path.charCodeAt(at + 2)] ?? 0;
    if (high === 0 || low === 0) return null;
    const character = String.fromCharCode((high - 1) * 16 + low - 1);
    const escaped = path.slice(at, at + 3).toUpperCase();
    if (AMBIGUOUS.has(escaped)) return null;
    decoded += path.slice(from, at) + (UNRESERVED.test(character) ? character : escaped);
    from = at + 3;
  }
  return decoded + path.slice(from);
}

function resolveSegments(path: string): string | null {
  const segments = path.split('/');
  const resolved: string[] = [];
  for (const segment of segments) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') resolved.push(segment);
    else if (resolved.pop() === undefined) return null;
  }
  const last = segments.at(-1);
  const isFolder = last === '' || last === '.' || last === '..';
  return isFolder && resolved.length > 0 ? `/${resolved.join('/')}/` : `/${resolved.join('/')}`;
}
