import { isIP } from 'node:net';
import { isHost } from '../../core/address.ts';
import { parseCidr } from '../../core/cidr.ts';
import { type Path, quote } from '../problem.ts';
import type { RuleContext } from './context.ts';

type Check = (context: RuleContext, text: string, path: Path) => void;

/** What routes match on is well formed, and nothing is said twice. */
export function checkMatches(context: RuleContext): void {
  for (const { item, path, whole } of context.items('routes')) {
    oneOrMany(context, item, path, 'uri', 'uris', checkUri);
    if (whole && item.uri === undefined && item.uris === undefined) {
      context.error(path, 'has no path to match', 'add uri or uris');
    }
    oneOrMany(context, item, path, 'host', 'hosts', checkHost);
    oneOrMany(context, item, path, 'remote_addr', 'remote_addrs', checkRange);
  }
  for (const { item, path } of context.items('services')) {
    oneOrMany(context, item, path, 'host', 'hosts', checkHost);
  }
  for (const { item, path } of context.items('stream_routes')) {
    oneOrMany(context, item, path, 'remote_addr', 'remote_addrs', checkRange);
    if (item.server_addr !== undefined && isIP(item.server_addr) === 0) {
      context.error([...path, 'server_addr'], `${quote(item.server_addr)} is not an IP address`);
    }
  }
  context.setting('trusted_addresses')?.forEach((range, index) => {
    checkRange(context, range, ['trusted_addresses', index]);
  });
}

/** Checks a field that has a short form for one entry and a long form for many. */
export function oneOrMany(
  context: RuleContext,
  item: object,
  path: Path,
  one: string,
  many: string,
  check: Check,
): void {
  const fields = item as Readonly<Record<string, unknown>>;
  const single = fields[one] as string | undefined;
  const list = fields[many] as readonly string[] | undefined;
  if (single !== undefined && list !== undefined) {
    context.error([...path, one], `cannot stand beside ${many}`, `move it into ${many}`);
  }
  if (single !== undefined) check(context, single, [...path, one]);
  list?.forEach((entry, index) => {
    check(context, entry, [...path, many, index]);
  });
}

function checkUri(context: RuleContext, uri: string, path: Path): void {
  if (!uri.startsWith('/')) {
    context.error(path, `${quote(uri)} must start with "/"`);
  } else if (/[\x00-\x20\x7f#?]/.test(uri)) {
    context.error(path, `${quote(uri)} is not a path`, 'leave out spaces, "?" and "#"');
  } else if (uri.slice(0, -1).includes('*')) {
    context.error(path, `${quote(uri)} has "*" before its end`, 'a prefix ends in "*"');
  }
}

export function checkHost(context: RuleContext, host: string, path: Path): void {
  const name = host.startsWith('*.') ? host.slice(2) : host;
  const bare = /^\[.*\]$/.test(name) ? name.slice(1, -1) : name;
  if (isHost(bare)) return;
  const hint = /:\d+$/.test(name) ? 'leave out the port' : 'write "api.example.com" or "*.example.com"';
  context.error(path, `${quote(host)} is not a host name`, hint);
}

export function checkRange(context: RuleContext, range: string, path: Path): void {
  if (parseCidr(range) === null) {
    context.error(path, `${quote(range)} is not an IP address or a CIDR range`, 'write "192.0.2.7" or "10.0.0.0/8"');
  }
}
