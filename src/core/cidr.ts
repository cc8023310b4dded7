import { BlockList, isIP } from 'node:net';
import { canonicalIp } from './address.ts';

/** Reads `10.0.0.0/8`, `::1` or `192.0.2.1`; null when the text is not an address or a range. */
export function parseCidr(text: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | null {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = isIP(address);
  if (version === 0) return null;
  const bits = version === 4 ? 32 : 128;
  const suffix = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(suffix) || Number(suffix) > bits) return null;
  return { address, prefix: Number(suffix), family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** A set of address ranges. An empty set contains nothing. */
export class CidrSet {
  readonly size: number;
  readonly #list = new BlockList();

  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const range = parseCidr(text);
      if (!range) throw new TypeError(`"${text}" is not an IP address or a CIDR range`);
      this.#list.addSubnet(range.address, range.prefix, range.family);
    }
    this.size = ranges.length;
  }

  has(ip: string): boolean {
    if (this.size === 0) return false;
    const canonical = canonicalIp(ip);
    const version = isIP(canonical);
    return version !== 0 && this.#list.check(canonical, version === 4 ? 'ipv4' : 'ipv6');
  }
}
