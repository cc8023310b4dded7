import { formatAddress } from '../core/address.ts';
import { GOLDEN, hashText, mix32 } from './hash.ts';
import type { NodeHandle } from './types.ts';

/** Says which nodes a pick may have, by their index. */
export interface Gate {
  admits(index: number): boolean;
}

/**
 * For every key an order of the nodes. It depends on nothing but the nodes' names and weights: not on the order in which
 * a registry lists them, nor on what was there before. When a node leaves, its keys go to the next of their orders, and
 * few or no others move.
 */
export interface KeyOrder {
  /** Index of the key's first node; -1 when there is no node. `key` is a well-mixed hash. */
  first(key: number): number;
  /** Index of the first of the key's nodes that the gate admits; -1 when it admits none. */
  firstOf(key: number, gate: Gate): number;
}

/**
 * One different 32-bit number per node. It is made of the metadata `hash_key` where a node has that (as in gRPC proposal
 * A76), so that a replica that comes back under another address keeps its keys; otherwise of the address.
 */
export function nodeHashes(handles: readonly NodeHandle[]): Uint32Array {
  const hashes = Uint32Array.from(handles, ({ node }) => hashText(node.metadata.hash_key ?? formatAddress(node)));
  const sorted = hashes.slice().sort();
  for (let index = 1; index < sorted.length; index++) {
    if (sorted[index] === sorted[index - 1]) return setApart(hashes, handles);
  }
  return hashes;
}

/** Of nodes with one number the first by address keeps it. */
function setApart(hashes: Uint32Array, handles: readonly NodeHandle[]): Uint32Array {
  const names = handles.map(({ node }) => formatAddress(node));
  const order = Uint32Array.from(handles, (_, index) => index).sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
  const taken = new Set<number>();
  for (const index of order) {
    let hash = hashes[index]!;
    while (taken.has(hash)) hash = mix32(hash + GOLDEN);
    taken.add(hash);
    hashes[index] = hash;
  }
  return hashes;
}
