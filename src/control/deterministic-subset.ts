import { hostname } from 'node:os';
import { hashText } from '../balancers/hash.ts';
import type { InlineUpstream } from '../config/types.ts';
import { formatAddress } from '../core/address.ts';
import type { Node } from '../discovery/types.ts';

/** How many of the nodes this gateway uses, and what tells it apart from the others that use the same service. */
export interface Subsetting {
  readonly size: number;
  readonly seed: number;
}

export function planSubsetting({ subsetting }: InlineUpstream): Subsetting | null {
  return subsetting ? { size: subsetting.size, seed: hashText(subsetting.seed ?? hostname()) } : null;
}

/**
 * The nodes that this gateway uses of a large set, so that not every gateway has connections to every node: those with the
 * lowest hash of address and seed (rendezvous; gRPC proposal A68). A node that comes or goes changes at most one place.
 * Nodes of weight 0 are kept: they take nothing, and are meant to be seen.
 */
export function subsetOf(nodes: readonly Node[], subsetting: Subsetting | null): readonly Node[] {
  if (!subsetting) return nodes;
  const usable = nodes.filter((node) => node.weight > 0);
  if (usable.length <= subsetting.size) return nodes;
  const ranked = usable.map((node) => ({ node, rank: hashText(formatAddress(node), subsetting.seed) }));
  ranked.sort((a, b) => a.rank - b.rank);
  const left = new Set(ranked.slice(subsetting.size).map(({ node }) => node));
  return nodes.filter((node) => !left.has(node));
}
