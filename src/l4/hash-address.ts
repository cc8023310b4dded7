import { ipBytes } from '../core/ip.ts';

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * A hash of a client's address, the same in every process and for every way to write the address: FNV-1a over its bytes, 32
 * bits, then the final mix of MurmurHash3, since neighbours must not land near each other. 0 when it is no address.
 */
export function hashAddress(ip: string): number {
  const bytes = ipBytes(ip);
  return bytes === null ? 0 : mix(fnv1a(bytes, bytes.length, OFFSET)) || 1;
}

/** As `hashAddress`, but of whoever holds the address: of IPv6 the first 64 bits count, which one customer has. */
export function hashSource(ip: string, seed: number): number {
  const bytes = ipBytes(ip);
  return bytes === null ? 0 : mix(fnv1a(bytes, Math.min(8, bytes.length), OFFSET ^ seed));
}

function fnv1a(bytes: Uint8Array, length: number, start: number): number {
  let hash = start;
  for (let index = 0; index < length; index++) hash = Math.imul(hash ^ bytes[index]!, PRIME);
  return hash;
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
