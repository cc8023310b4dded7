import { errorBody } from './errors.ts';
import type { NodeOrder, NodeOrders } from './node-views.ts';
import type { Paths } from './paths.ts';

const WEIGHT_MAX = 1_000_000;
const REASON_MAX = 1000;

/** Drain, disable, enable, and weights, for one node or for all with some metadata. */
export function addNodeRoutes(paths: Paths, nodes: NodeOrders): void {
  paths.get('/v1/nodes/orders', (_request, reply) => reply.send(nodes.orders()));
  for (const action of ['drain', 'disable', 'enable', 'weight'] as const) {
    paths.post(`/v1/nodes/${action}`, (request, reply) => {
      const order = readOrder(action, request.body);
      if (typeof order === 'string') return reply.code(400).send(errorBody(order));
      const found = nodes.order(order);
      return found.length > 0
        ? reply.send({ nodes: found })
        : reply.code(404).send(errorBody('no node is like that; GET /v1/upstreams shows those that there are'));
    });
  }
}

type Action = 'drain' | 'disable' | 'enable' | 'weight';

/** The order, or what is wrong with it. */
function readOrder(action: Action, body: unknown): NodeOrder | string {
  const fields = (body ?? {}) as Record<string, unknown>;
  const { upstream = null, node = null, metadata = null, reason = null } = fields;
  const unknown = Object.keys(fields).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) return `${unknown}: there is no such field; there are ${[...KNOWN].join(', ')}`;
  if (upstream !== null && typeof upstream !== 'string') return 'upstream: give the id of an upstream';
  if (node !== null && typeof node !== 'string') return 'node: give an address such as "10.0.0.7:8080"';
  if (metadata !== null && !isTexts(metadata)) return 'metadata: give a map of texts, such as {"rack": "b2"}';
  if (node === null && metadata === null) return 'name the nodes: node, or metadata, or both';
  if (reason !== null && (typeof reason !== 'string' || reason.length > REASON_MAX)) {
    return `reason: give a text of at most ${REASON_MAX} characters`;
  }
  const weight = action === 'weight' ? readWeight(fields.weight) : null;
  if (weight === undefined)
    return `weight: give a whole number from 0 to ${WEIGHT_MAX}, or null for that of the source`;
  if (action !== 'weight' && 'weight' in fields) return 'weight: send it to /v1/nodes/weight';
  return { upstream, node, metadata, state: action === 'weight' ? null : action, weight, reason };
}

const KNOWN = new Set(['upstream', 'node', 'metadata', 'reason', 'weight']);

function isTexts(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const texts = Object.values(value);
  return texts.length > 0 && texts.every((text) => typeof text === 'string');
}

/** Undefined when it is not a weight. */
function readWeight(value: unknown): number | 'source' | undefined {
  if (value === null) return 'source';
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= WEIGHT_MAX ? Number(value) : undefined;
}
