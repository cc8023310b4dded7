import { mix32 } from '../balancers/hash.ts';
import { ipBytes } from '../core/ip.ts';

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * A hash of whoever holds an address, for every way to write it: of IPv6 the first 64 bits count, which one customer has. FNV-1a
 * over the bytes, 32 bits, then a final mix, since neighbours must not land near each other. 0 when it is no address.
 */
export function hashSource(ip: string, seed: number): number {
  const bytes = ipBytes(ip);
  if (bytes === null) return 0;
  let hash = OFFSET ^ seed;
  for (let index = 0; index < Math.min(8, bytes.length); index++) hash = Math.imul(hash ^ bytes[index]!, PRIME);
  return mix32(hash);
}
