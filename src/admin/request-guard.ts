import type { IncomingMessage } from 'node:http';
import { parseAddress } from '../core/address.ts';
import { CidrSet } from '../core/cidr.ts';
import { crossSiteRefusal } from '../core/cross-site.ts';

const LOOPBACK = new CidrSet(['127.0.0.0/8', '::1/128']);

/** An address or a name that reaches this machine alone. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || LOOPBACK.has(host);
}

/**
 * Keeps web pages out. A page in the operator's browser can send requests to loopback addresses; that it may not read the
 * answers is the browser's promise, which a name that the attacker lets resolve to 127.0.0.1 (DNS rebinding) goes around.
 *
 * So the Host must be a loopback one, and a request that a browser marks as another site's is refused.
 * Returns why a request is refused; null when it may pass.
 */
export function refusalOf(request: IncomingMessage): string | null {
  const { host } = request.headers;
  // HTTP/1.0 knows no Host; no browser speaks it.
  if (host !== undefined && !isLoopback(parseAddress(host, 80)?.host ?? '')) {
    return 'the Host header must name a loopback address, such as 127.0.0.1 or localhost';
  }
  return crossSiteRefusal(request.headers);
}
