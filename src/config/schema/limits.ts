import { Type } from 'typebox';
import { count, strict, text, withDefault } from './field.ts';

const adaptiveSchema = strict(
  {
    min: withDefault(count('The limit is never below that.', 1, 1_000_000), 4),
    max: withDefault(count('The limit is never above that.', 1, 1_000_000), 1000),
    tolerance: withDefault(
      Type.Number({
        minimum: 1,
        maximum: 10,
        description: 'Answers may take this many times as long as they usually do before the limit shrinks.',
      }),
      1.5,
    ),
  },
  'Finds the limit of each node by how long its answers take (gradient).',
);

/** How much a node of the upstream may have under way at once, over all workers. */
export const nodeLimitSchema = strict(
  {
    max: Type.Optional(count('Fixed limit.', 1, 1_000_000)),
    adaptive: Type.Optional(adaptiveSchema),
  },
  'How many requests and streams each node may have under way at once: `max` or `adaptive`. What comes above goes to another node; with none left HTTP clients get 503.',
);

/** Which nodes of a large set this gateway uses. */
export const subsettingSchema = strict(
  {
    size: count('Nodes that this gateway uses; all when there are no more.', 1, 100_000),
    seed: Type.Optional(
      text('Tells this gateway apart from others with the same nodes. Without it the name of the machine does.', {
        maxLength: 256,
      }),
    ),
  },
  'Uses a part of a large set of nodes, another one in each gateway, so that not all gateways are connected to all nodes.',
);

export const importance = withDefault(
  Type.Enum(['high', 'normal', 'low'], {
    description:
      'What is shed first when nodes are at their `node_limit`: routes of `low` importance leave 30 percent of it to others, those of `high` may exceed it by 20.',
  }),
  'normal',
);
