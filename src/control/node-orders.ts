import type { NodeOrder, OrderedNode, OrderView } from '../admin/node-views.ts';
import { formatAddress } from '../core/address.ts';
import type { Log } from '../core/log.ts';
import { matches, type NodeOverrides } from './node-overrides.ts';
import type { Publisher } from './publisher.ts';

interface OrderParts {
  readonly overrides: NodeOverrides;
  readonly publisher: Publisher;
  readonly log: Log;
}

export function viewOrders({ rules }: NodeOverrides): readonly OrderView[] {
  return rules.map(({ match, state, weight, reason, at }) => {
    return { ...match, state, weight, reason, at: new Date(at).toISOString() };
  });
}

/** Does nothing when there is no such node now: the order is more likely mistyped than meant for later. */
export function carryOut(order: NodeOrder, { overrides, publisher, log }: OrderParts): readonly OrderedNode[] {
  const { upstream, node, metadata, state, weight, reason } = order;
  const match = { upstream, node, metadata };
  const found = [...publisher.upstreams.values()].flatMap(({ id, nodes }) =>
    nodes
      .filter((planned) => matches(match, id, planned.node))
      .map((planned) => ({ upstream: id, node: formatAddress(planned.node) })),
  );
  if (found.length === 0) return found;
  overrides.apply({ match, ...(state === null ? {} : { state }), ...(weight === null ? {} : { weight }), reason });
  const what = state ?? (weight === 'source' ? 'weight of the source' : `weight ${weight}`);
  log.info('node.order', `an operator's order: ${what} for ${found.length} node(s)`, { ...match, what, reason });
  return found;
}
