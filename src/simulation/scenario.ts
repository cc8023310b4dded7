import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { HeadgateError, reasonOf } from '../core/errors.ts';

const positive = (description: string) => Type.Number({ exclusiveMinimum: 0, description });

const latency = Type.Object(
  { median: positive('Milliseconds.'), p99: Type.Optional(positive('Milliseconds; the median when left out.')) },
  { additionalProperties: false },
);

const failure = Type.Object(
  {
    kind: Type.Enum(['error', 'refuse', 'timeout', 'reset']),
    ratio: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { additionalProperties: false },
);

const behaviour = {
  latency: Type.Optional(latency),
  /** Requests served at once; others wait. Without it any number. */
  capacity: Type.Optional(Type.Integer({ minimum: 1 })),
  fail: Type.Optional(Type.Union([failure, Type.Null()])),
};

const scenarioSchema = Type.Object(
  {
    name: Type.Optional(Type.String()),
    seed: Type.Optional(Type.Integer({ minimum: 0 })),
    duration: positive('Seconds.'),
    workers: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
    /** Requests a second. */
    rate: positive('Requests a second.'),
    /** Different values of what `chash` hashes on. */
    keys: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Balancers to compare, each with the same load. */
    compare: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    /** Milliseconds after which the gateway gives up on a node. */
    timeout: Type.Optional(positive('Milliseconds.')),
    /** Settings of the upstream, as in the configuration, without nodes. */
    upstream: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    nodes: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
          count: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
          weight: Type.Optional(Type.Integer({ minimum: 0 })),
          priority: Type.Optional(Type.Integer()),
          metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
          ...behaviour,
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
    events: Type.Optional(
      Type.Array(
        Type.Object(
          {
            at: Type.Number({ minimum: 0 }),
            /** A name, or the name of a group with `count`. */
            node: Type.Optional(Type.String()),
            action: Type.Optional(Type.Enum(['add', 'remove'])),
            rate: Type.Optional(positive('Requests a second from now on.')),
            ...behaviour,
          },
          { additionalProperties: false },
        ),
      ),
    ),
    /** Nodes that leave and come back at random. */
    churn: Type.Optional(
      Type.Object(
        { every: positive('Seconds between two changes.'), away: positive('Seconds that a node stays away.') },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export type Scenario = Static<typeof scenarioSchema>;
export type ScenarioNode = Scenario['nodes'][number];
export type ScenarioEvent = NonNullable<Scenario['events']>[number];

/** Reads a scenario. Rejects with a HeadgateError that names the place. */
export async function readScenario(path: string): Promise<Scenario> {
  let data: unknown;
  try {
    data = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new HeadgateError(`${path}: ${reasonOf(error)}`, { code: 'SCENARIO', source: 'client', cause: error });
  }
  return scenarioFrom(data, path);
}

/** `place` is what errors name. */
export function scenarioFrom(data: unknown, place: string): Scenario {
  if (Value.Check(scenarioSchema, data)) return data;
  const [first] = Value.Errors(scenarioSchema, data);
  const where = first?.instancePath.replaceAll('/', '.') || ' (whole)';
  const message = `${place}: scenario${where} ${first?.message ?? 'is not valid'}; docs/simulation.md describes it`;
  throw new HeadgateError(message, { code: 'SCENARIO', source: 'client' });
}
