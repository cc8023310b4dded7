import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };
const positive = (description: string) => Type.Number({ exclusiveMinimum: 0, description });
const ratio = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

const latency = Type.Object(
  { median: positive('Milliseconds.'), p99: Type.Optional(positive('Milliseconds; the median when left out.')) },
  closed,
);

const failure = Type.Object(
  {
    kind: Type.Enum(['error', 'refuse', 'unreachable', 'timeout', 'reset']),
    ratio: Type.Optional(ratio('Share of requests that fail so; all when left out.')),
  },
  closed,
);

const warmUp = Type.Object(
  {
    requests: Type.Integer({ minimum: 1, description: 'Requests after which the node is warm.' }),
    factor: Type.Number({ minimum: 1, description: 'So many times slower is the first.' }),
  },
  closed,
);

const behaviour = {
  latency: Type.Optional(latency),
  capacity: Type.Optional(Type.Integer({ minimum: 1, description: 'Requests served at once; others wait.' })),
  fail: Type.Optional(Type.Union([failure, Type.Null()])),
};

const nodeName = Type.String({ pattern: '^[a-z][a-z0-9-]*$' });

const node = Type.Object(
  {
    name: nodeName,
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'Makes a group: name-1, name-2, …' }),
    ),
    weight: Type.Optional(Type.Integer({ minimum: 0 })),
    priority: Type.Optional(Type.Integer()),
    metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
    warm_up: Type.Optional(warmUp),
    ...behaviour,
  },
  closed,
);

const event = Type.Object(
  {
    at: Type.Number({ minimum: 0, description: 'Seconds.' }),
    every: Type.Optional(positive('Seconds until it happens again, to the end of the run.')),
    node: Type.Optional(Type.String({ description: 'A name, or that of a group.' })),
    count: Type.Optional(Type.Integer({ minimum: 1, description: 'Only the first so many of the group.' })),
    action: Type.Optional(Type.Enum(['add', 'remove'])),
    weight: Type.Optional(Type.Integer({ minimum: 0 })),
    rate: Type.Optional(positive('Requests a second from now on.')),
    ...behaviour,
  },
  closed,
);

const variant = Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())]);

export const scenarioSchema = Type.Object(
  {
    name: Type.Optional(Type.String()),
    seed: Type.Optional(Type.Integer({ minimum: 0 })),
    duration: positive('Seconds.'),
    workers: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
    rate: positive('Requests a second.'),
    writes: Type.Optional(ratio('Share of requests that must not be sent twice.')),
    keys: Type.Optional(Type.Integer({ minimum: 1, description: 'Different values of what `chash` hashes on.' })),
    compare: Type.Optional(Type.Array(variant, { minItems: 1 })),
    timeout: Type.Optional(positive('Milliseconds after which the gateway gives up waiting for an answer.')),
    zone: Type.Optional(Type.String({ description: 'Zone of the gateway.' })),
    upstream: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    nodes: Type.Array(node, { minItems: 1 }),
    events: Type.Optional(Type.Array(event)),
    churn: Type.Optional(
      Type.Object(
        { every: positive('Seconds between two nodes that leave.'), away: positive('Seconds until one is back.') },
        closed,
      ),
    ),
  },
  closed,
);

/** A scenario as it is written; `docs/simulation.md` describes every field. */
export type Scenario = Static<typeof scenarioSchema>;
export type ScenarioNode = Scenario['nodes'][number];
export type ScenarioEvent = NonNullable<Scenario['events']>[number];
