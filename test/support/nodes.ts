import type { Node } from '../../src/discovery/types.ts';

/** A node with defaults for what the test does not care about. */
export function node(host: string, port = 80, rest: Partial<Node> = {}): Node {
  return { host, port, weight: 1, priority: 0, metadata: {}, tags: [], ...rest };
}

/** Nodes `10.0.0.<from>` … of that many. */
export function nodes(count: number, from = 1): Node[] {
  return Array.from({ length: count }, (_, index) => node(`10.0.0.${from + index}`));
}
