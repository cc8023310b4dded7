import { isIP, isIPv6 } from 'node:net';

/** A TCP or UDP endpoint. `host` is an IP address or a name, without brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/;

export function isHost(text: string): boolean {
  return isIP(text) !== 0 || HOST_NAME.test(text);
}

export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}

/** Reads `host:port`, `[v6]:port` or, with a default port, a bare host. Null when it is none of these. */
export function parseAddress(text: string, defaultPort?: number): Address | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  if (!match) return isIPv6(text) && defaultPort !== undefined ? { host: text, port: defaultPort } : null;
  const host = match[1] ?? match[2] ?? '';
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (match[1] !== undefined ? !isIPv6(host) : !isHost(host)) return null;
  return isPort(port) ? { host, port } : null;
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** An IPv4 address that arrives as `::ffff:a.b.c.d` on a dual-stack socket is shown and matched as IPv4. */
export function canonicalIp(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip;
}
