import { isIP } from 'node:net';
import type { Address } from '../core/address.ts';

/** Whom to ask, and what else a short name may mean. */
export interface ResolverSettings {
  readonly servers: readonly Address[];
  /** Without final dots. */
  readonly search: readonly string[];
  /** A name with fewer dots is tried with the search domains first. */
  readonly ndots: number;
}

const DNS_PORT = 53;
/** Bounds of resolv.conf(5) and of glibc's resolver. */
const MAX_NDOTS = 15;
const MAX_SEARCH = 32;

/** Reads what we use of a resolv.conf(5): `nameserver`, `search` and `domain` (the last one counts), `options ndots:n`. */
export function parseResolvConf(text: string): ResolverSettings {
  const servers: Address[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && isIP(values[0] ?? '') !== 0) servers.push({ host: values[0]!, port: DNS_PORT });
    if (keyword === 'domain') search = domains(values.slice(0, 1));
    if (keyword === 'search') search = domains(values);
    if (keyword === 'options') ndots = values.reduce(ndotsOf, ndots);
  }
  return { servers, search, ndots };
}

/**
 * The complete names that a name may mean, in the order in which to try them (resolv.conf(5), "search" and "ndots").
 */
export function candidateNames(
  name: string,
  absolute: boolean,
  { search, ndots }: ResolverSettings,
): readonly string[] {
  if (absolute || search.length === 0) return [name];
  const extended = search.map((domain) => `${name}.${domain}`).filter((each) => each.length <= 253);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...extended] : [...extended, name];
}

function domains(values: readonly string[]): readonly string[] {
  return values
    .map((value) => value.replace(/\.$/, ''))
    .filter((value) => value !== '')
    .slice(0, MAX_SEARCH);
}

function ndotsOf(before: number, option: string): number {
  const match = /^ndots:(\d+)$/.exec(option);
  return match ? Math.min(MAX_NDOTS, Number(match[1])) : before;
}
