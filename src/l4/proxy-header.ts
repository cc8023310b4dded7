import { isIPv4, isIPv6 } from 'node:net';
import { canonicalIp } from '../core/address.ts';
import { ipText } from '../core/ip.ts';
import { crc32c } from './crc32c.ts';
import type { ConnectionPeers } from './peers.ts';

/**
 * The PROXY protocol, versions 1 and 2, as its specification has it ("The PROXY protocol", HAProxy, doc/proxy-protocol.txt):
 * the first bytes of a connection, in which a proxy says whose connection it hands on.
 */

export const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** The longest line of version 1, CR LF included. */
const V1_MAX = 107;
const V2_HEAD = 16;
/** Addresses and TLVs of version 2 that are taken in; a certificate may be among them. */
const V2_MAX = 16_384;
const TLV_CRC32C = 0x03;

export type ProxyHeader =
  | { readonly kind: 'partial' }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** `peers` is null where the sender names nobody: a connection of its own, or an address that is not IP. */
  | { readonly kind: 'complete'; readonly length: number; readonly peers: ConnectionPeers | null };

const PARTIAL: ProxyHeader = { kind: 'partial' };

/** Reads the header at the front of what a connection has brought so far. Whatever follows it belongs to the client. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const known = Math.min(bytes.length, V2_SIGNATURE.length);
  if (bytes.compare(V2_SIGNATURE, 0, known, 0, known) === 0) {
    return bytes.length < V2_HEAD ? PARTIAL : readV2(bytes);
  }
  const start = 'PROXY '.slice(0, bytes.length);
  if (bytes.toString('latin1', 0, start.length) !== start) return invalid('it does not begin with a PROXY header');
  return readV1(bytes);
}

function invalid(reason: string): ProxyHeader {
  return { kind: 'invalid', reason };
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length < V1_MAX ? PARTIAL : invalid('the line of the PROXY header is too long');
  const [, family = '', source = '', target = '', sourcePort = '', targetPort = '', ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'complete', length, peers: null };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIpv6 : null;
  if (isAddress === null) return invalid('the PROXY header names neither TCP4, TCP6 nor UNKNOWN');
  if (!isAddress(source) || !isAddress(target) || !isPort(sourcePort) || !isPort(targetPort) || rest.length > 0) {
    return invalid('the PROXY header has an address or a port that is none');
  }
  return {
    kind: 'complete',
    length,
    peers: {
      remoteAddress: canonicalIp(source),
      remotePort: Number(sourcePort),
      localAddress: canonicalIp(target),
      localPort: Number(targetPort),
    },
  };
}

function isPlainIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readV2(bytes: Buffer): ProxyHeader {
  const command = bytes[12]!;
  if (command !== 0x20 && command !== 0x21) return invalid('the PROXY header has an unknown version or command');
  const size = bytes.readUInt16BE(14);
  if (size > V2_MAX) return invalid(`the PROXY header is longer than ${V2_MAX} bytes`);
  const length = V2_HEAD + size;
  if (bytes.length < length) return PARTIAL;
  // The sender's own connection, such as a health check: what else it says does not count.
  if (command === 0x20) return { kind: 'complete', length, peers: null };
  return readProxied(bytes.subarray(0, length));
}

/** A whole header of version 2 with the command PROXY. */
function readProxied(header: Buffer): ProxyHeader {
  const { length } = header;
  const addressBytes = ADDRESS_BYTES[header[13]! >> 4];
  if (addressBytes === undefined || (header[13]! & 0x0f) > 2) {
    return invalid('the PROXY header has an unknown address family or transport');
  }
  const tlvs = V2_HEAD + addressBytes;
  if (length < tlvs) return invalid('the PROXY header is too short for its addresses');
  const complaint = checkTlvs(header, tlvs);
  if (complaint !== null) return invalid(complaint);
  if (header[13] !== 0x11 && header[13] !== 0x21) return { kind: 'complete', length, peers: null };
  const half = (addressBytes - 4) / 2;
  return {
    kind: 'complete',
    length,
    peers: {
      remoteAddress: ipText(header.subarray(V2_HEAD, V2_HEAD + half)),
      remotePort: header.readUInt16BE(tlvs - 4),
      localAddress: ipText(header.subarray(V2_HEAD + half, V2_HEAD + 2 * half)),
      localPort: header.readUInt16BE(tlvs - 2),
    },
  };
}

/** By address family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];

/** Each TLV lies within the header, and a checksum is right. Null when all is well. */
function checkTlvs(header: Buffer, start: number): string | null {
  let at = start;
  while (at < header.length) {
    const value = at + 3;
    if (value > header.length) return 'the PROXY header ends within a TLV';
    const size = header.readUInt16BE(at + 1);
    if (value + size > header.length) return 'a TLV of the PROXY header is longer than the header';
    if (header[at] === TLV_CRC32C && (size !== 4 || header.readUInt32BE(value) !== crc32c(header, value))) {
      return 'the checksum of the PROXY header is wrong';
    }
    at = value + size;
  }
  return null;
}
