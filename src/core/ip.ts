import { isIP, SocketAddress } from 'node:net';
import { canonicalIp } from './address.ts';

/** The bytes of an IP address, 4 or 16. An IPv4-mapped IPv6 address is IPv4; a zone is left out. Null when it is none. */
export function ipBytes(text: string): Uint8Array | null {
  const ip = canonicalIp(text);
  const version = isIP(ip);
  if (version === 0) return null;
  if (version === 4) return Uint8Array.from(ip.split('.'), Number);
  const [left = '', right] = ip.replace(/%.*$/, '').split('::');
  const head = groupsOf(left);
  const tail = right === undefined ? [] : groupsOf(right);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  head.forEach((group, index) => {
    view.setUint16(index * 2, group);
  });
  tail.forEach((group, index) => {
    view.setUint16((8 - tail.length + index) * 2, group);
  });
  return bytes;
}

/** 16-bit groups of one side of an IPv6 address; a dotted IPv4 address at its end makes two. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/**
 * The usual spelling of an IP address (RFC 5952), without a zone; an IPv4-mapped one as IPv4. What is no address stays as it is.
 */
export function usualIp(text: string): string {
  const ip = canonicalIp(text);
  const bytes = ip.includes(':') ? ipBytes(ip) : null;
  return bytes === null ? ip : ipText(bytes);
}

/** The usual text of an address of 4 or 16 bytes; an IPv4-mapped one as IPv4. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16));
  return canonicalIp(new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address);
}
