import { isPath, readHost, readInteger } from './claim-parts.ts';
import type { RouteClaim } from './claims.ts';

export const FABIO_PREFIX = 'urlprefix-';

type Warn = (message: string) => void;

export interface FabioClaim {
  readonly claim: RouteClaim;
  /** 0 to 1; null when the tag states none. */
  readonly share: number | null;
}

/** Without these the route would do something else than was asked for, so the tag as a whole is left out. */
const DECISIVE = new Set(['auth', 'allow', 'deny', 'redirect', 'prepend', 'tlsskipverify', 'pxyproto']);

interface FabioOptions {
  proto: string;
  strip: string | null;
  share: number | null;
}

/**
 * Reads a tag of Fabio: `urlprefix-host/path option=value …`, `urlprefix-/path`, `urlprefix-:5432 proto=tcp`. Null when
 * it makes no route. In Fabio a path is always a prefix.
 */
export function readFabioTag(tag: string, warn: Warn): FabioClaim | null {
  const [target = '', ...rest] = tag.slice(FABIO_PREFIX.length).trim().split(/\s+/);
  const options = readOptions(rest, warn);
  if (!options) return null;
  const claim = options.proto === 'tcp' ? tcpClaim(target, warn) : httpClaim(target, options, warn);
  return claim && { claim, share: options.share };
}

function readOptions(parts: readonly string[], warn: Warn): FabioOptions | null {
  const options: FabioOptions = { proto: 'http', strip: null, share: null };
  let usable = true;
  for (const part of parts) {
    const equals = part.indexOf('=');
    const key = (equals < 0 ? part : part.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? '' : part.slice(equals + 1);
    if (!takeOption(options, key, value, warn)) usable = false;
  }
  return usable ? options : null;
}

/** False when the tag cannot be used without the option. */
function takeOption(options: FabioOptions, key: string, value: string, warn: Warn): boolean {
  switch (key) {
    case 'proto':
      options.proto = value.toLowerCase() || 'http';
      if (options.proto === 'http' || options.proto === 'tcp') return true;
      warn(`proto=${value} is not supported, so there is no route; supported are proto=http and proto=tcp`);
      return false;
    case 'strip':
      if (isPath(value)) options.strip = value === '/' ? null : value.replace(/\/$/, '');
      else warn(`strip=${value} is not a path, so there is no route; write strip=/path`);
      return isPath(value);
    case 'weight':
      options.share = readShare(value);
      if (options.share === null)
        warn(`weight=${value} is left out; Fabio's weight is a share from 0 to 1: weight=0.1`);
      return true;
    default:
      warn(`${key} is not supported${DECISIVE.has(key) ? ', so there is no route' : ' and has no effect'}`);
      return !DECISIVE.has(key);
  }
}

function readShare(text: string): number | null {
  if (!/^(?:\d+\.?\d*|\.\d+)$/.test(text)) return null;
  const share = Number(text);
  return share >= 0 && share <= 1 ? share : null;
}

function tcpClaim(target: string, warn: Warn): RouteClaim | null {
  const port = readInteger(/^:(\d+)$/.exec(target)?.[1] ?? '', 1, 65_535);
  if (port !== null) return { kind: 'tcp', port, sni: null };
  warn(`"${target}" is not a port; write urlprefix-:5432 proto=tcp`);
  return null;
}

function httpClaim(target: string, options: FabioOptions, warn: Warn): RouteClaim | null {
  const slash = target.indexOf('/');
  if (slash < 0) {
    warn(`"${target}" has no path; write urlprefix-${target || 'host'}/ or urlprefix-/path`);
    return null;
  }
  const path = target.slice(slash);
  // Fabio compares the port of a Host header too; here a listener's port is no part of a host.
  const named = target.slice(0, slash).replace(/:\d*$/, '');
  const host = named === '' ? null : readHost(named);
  if (named !== '' && host === null) {
    warn(`"${named}" is not a host name; write one, exact or with a leading "*."`);
    return null;
  }
  if (!isPath(path)) {
    warn(`"${path}" is not a path that can be routed`);
    return null;
  }
  return { kind: 'http', host, uri: `${path}*`, methods: [], priority: 0, stripPrefix: options.strip };
}
