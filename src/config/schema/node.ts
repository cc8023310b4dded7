import { Type } from 'typebox';
import { count, port, strict, text, texts, withDefault } from './field.ts';

export const WEIGHT_MAX = 1_000_000;

export const nodeSchema = strict(
  {
    host: text('IP address or host name, without brackets.'),
    port: port('Port.'),
    weight: withDefault(count('Share of the traffic relative to the other nodes; 0 takes none.', 0, WEIGHT_MAX), 1),
    priority: withDefault(
      count('Nodes of a lower priority are used only when none of a higher one can be.', -1000, 1000),
      0,
    ),
    metadata: withDefault(texts('Free key and value pairs that describe the node.'), {}),
  },
  'One place that traffic can go.',
);

/** `host:port` to weight: the short form. */
const nodeMap = Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: WEIGHT_MAX }), {
  description: 'Weights by `host:port`.',
});

export const nodesSchema = Type.Union([nodeMap, Type.Array(nodeSchema)], {
  description: 'Fixed nodes: a map from `host:port` to weight, or a list of node objects.',
  expects: 'a map from "host:port" to weight or a list of nodes',
});
