import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { parseAddress } from '../core/address.ts';
import { crossSiteRefusal } from '../core/cross-site.ts';

/**
 * Why a request must be refused, because a web page may have made a browser send it; null when it may pass.
 *
 * A page of another site shows in `Origin` or `Sec-Fetch-Site`. A page whose name was pointed at this machine
 * (DNS rebinding) shows in `Host`: an address, `localhost`, a name without a dot and the machine's own name cannot be
 * such a name. `bound` is the host that the registry listens on.
 */
export function browserRefusal(headers: IncomingHttpHeaders, bound: string): string | null {
  const host = headers.host ?? '';
  const name = parseAddress(host.toLowerCase(), 80)?.host ?? '';
  if (!isOwnName(name, bound)) {
    return `the Host header names "${host}"; ask the registry by its IP address, by localhost or by the machine's name`;
  }
  return crossSiteRefusal(headers);
}

function isOwnName(name: string, bound: string): boolean {
  if (name === '') return false;
  if (isIP(name) !== 0 || !name.includes('.')) return true;
  return name.endsWith('.localhost') || name === bound.toLowerCase() || name === hostname().toLowerCase();
}
