import { usualIp } from '../core/ip.ts';

/** 2³² divided by the golden ratio, odd: multiples of it are spread evenly over the 32-bit integers. */
export const GOLDEN = 0x9e3779b9;

/** Spreads 32 bits over 32 bits so that each bit depends on all (MurmurHash3's finaliser; a bijection). Unsigned. */
export function mix32(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * The probe of that number, from 0 on, for a 32-bit hash: double hashing, whose step is drawn from the hash itself. The low bits
 * count; the caller masks them.
 */
export function probeOf(hash: number, number: number): number {
  const step = (Math.imul(hash, 0x85ebca6b) >>> 15) | 1;
  return hash + Math.imul(number, step);
}

/**
 * A 32-bit hash of `text[start, end)`, by UTF-16 units, two to a block of MurmurHash3 (Austin Appleby, public domain).
 * Unsigned, the same in every thread and on every machine. `seed` chains parts: the hash of those before.
 */
export function hashRange(text: string, start: number, end: number, seed = 0): number {
  let hash = seed;
  let at = start;
  for (; at + 1 < end; at += 2) {
    const block = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
    const mixed = Math.imul(block, 0xcc9e2d51);
    hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (at < end) {
    const mixed = Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  }
  return mix32(hash ^ (end - start));
}

export function hashText(text: string, seed = 0): number {
  return hashRange(text, 0, text.length, seed);
}

/** The hash of a client's address, however it is spelt: for streams the same as that of the variable `remote_addr` in HTTP. */
export function hashAddress(ip: string): number {
  return hashText(usualIp(ip));
}
