import { parseDuration } from './durations.ts';
import { RequestError } from './request-error.ts';

const TRUE = new Set(['', '1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** A flag of the query string: `?passing`, `?passing=true`, `?passing=0`. */
export function flagOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || FALSE.has(value)) return false;
  if (TRUE.has(value)) return true;
  throw new RequestError(400, `Invalid value for ?${name}: "${value}" is neither true nor false`);
}

/** `index` and `wait` of a question that may wait; an index of 0 does not. */
export function blockingOf(query: URLSearchParams): { readonly since: number; readonly wait: number } {
  const index = query.get('index') || '0';
  if (!/^\d{1,16}$/.test(index)) throw new RequestError(400, `Invalid index: "${index}" is not a number`);
  const text = query.get('wait') || '0';
  const wait = parseDuration(text);
  if (wait === null) throw new RequestError(400, `Invalid wait time: "${text}" is not a duration; write "30s"`);
  return { since: Number(index), wait };
}

/** Filter expressions and metadata of machines are not looked at, and to ignore one would hand out what was not asked for. */
export function refuseFilter(query: URLSearchParams): void {
  if (query.get('filter')) {
    throw new RequestError(400, 'filter expressions are not supported by this registry; use "tag" and "passing"');
  }
  if (query.has('node-meta')) {
    throw new RequestError(400, 'this registry is on one machine, which has no metadata: "node-meta" is not supported');
  }
}
