import { formatAddress } from '../core/address.ts';
import { canonical, nodeRules, without } from '../discovery/node-order.ts';
import type { NodeSets } from '../discovery/node-sets.ts';
import { labelOf, type Node, type ServiceQuery } from '../discovery/types.ts';

/** A place that nodes of an upstream come from. */
export type NodeSource =
  | { readonly kind: 'static'; readonly nodes: readonly Node[] }
  /** `priority` is added to that of the nodes. */
  | { readonly kind: 'service'; readonly query: ServiceQuery; readonly priority: number }
  /** Instances that claimed a route by their tags; `nodes` are those of this moment. */
  | { readonly kind: 'claimed'; readonly query: ServiceQuery; readonly nodes: readonly Node[] };

/** The nodes of an upstream at this moment, each address once. */
export interface GatheredNodes {
  readonly nodes: readonly Node[];
  /** What `originOf` says of the source of each. */
  readonly origins: readonly string[];
}

/** What the source is called in views and in the history: `static`, `consul: web`. */
export function originOf(source: NodeSource): string {
  return source.kind === 'static' ? 'static' : `${source.query.source}: ${labelOf(source.query)}`;
}

/** The question behind a source; null for one that asks nobody. */
export function queryOf(source: NodeSource): ServiceQuery | null {
  return source.kind === 'static' ? null : source.query;
}

/**
 * The nodes of all sources together. Of two with the same address the first counts, so that a source describes its nodes
 * whatever a later one says of them. A source that knows of no node, for whatever reason, adds none.
 */
export function gatherNodes(sources: readonly NodeSource[], nodeSets: Pick<NodeSets, 'get'>): GatheredNodes {
  const [only, second] = sources;
  if (only && !second) {
    const nodes = nodesOf(only, nodeSets);
    // A node set has each address once, and so has what is claimed of it; what is written may not.
    const distinct = only.kind === 'static' ? firstOfEach(nodes) : nodes;
    return { nodes: distinct, origins: new Array<string>(distinct.length).fill(originOf(only)) };
  }
  const nodes: Node[] = [];
  const origins: string[] = [];
  const sets: (readonly Node[])[] = [];
  for (const source of sources) {
    const known = nodesOf(source, nodeSets);
    const set = source.kind === 'service' ? known : canonical(known, nodeRules);
    const origin = originOf(source);
    for (const node of sets.reduce((rest, earlier) => without(rest, earlier, nodeRules), set)) {
      nodes.push(node);
      origins.push(origin);
    }
    sets.push(set);
  }
  return { nodes, origins };
}

function nodesOf(source: NodeSource, nodeSets: Pick<NodeSets, 'get'>): readonly Node[] {
  if (source.kind !== 'service') return source.nodes;
  const nodes = nodeSets.get(source.query)?.nodes ?? [];
  return source.priority === 0 ? nodes : nodes.map((node) => shifted(node, source.priority));
}

/** In the order in which they are written. */
function firstOfEach(nodes: readonly Node[]): readonly Node[] {
  const seen = new Set<string>();
  const kept = nodes.filter((node) => {
    const address = formatAddress(node);
    return !seen.has(address) && seen.add(address);
  });
  return kept.length === nodes.length ? nodes : kept;
}

const shiftedNodes = new Map<number, WeakMap<Node, Node>>();

/** The same object for the same node: what did not change is told by reference. */
function shifted(node: Node, priority: number): Node {
  let known = shiftedNodes.get(priority);
  if (!known) shiftedNodes.set(priority, (known = new WeakMap()));
  let result = known.get(node);
  if (!result) known.set(node, (result = { ...node, priority: node.priority + priority }));
  return result;
}
