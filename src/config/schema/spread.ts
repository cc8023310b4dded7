import { Type } from 'typebox';
import { count, percent, seconds, strict, withDefault } from './field.ts';

const zonePreferenceSchema = strict(
  {
    spill_over: withDefault(
      percent('Below this share of usable nodes in the own zone, traffic spills over into others, in proportion.', {
        minimum: 1,
      }),
      70,
    ),
    min_nodes: withDefault(count('Usable nodes in the own zone below which zones are not looked at.', 1, 10_000), 1),
  },
  'Prefers nodes whose metadata `zone` is the `zone` of this gateway.',
);

const slowStartSchema = strict(
  {
    window: seconds('Time in which the weight of a node that is new or has recovered grows to the whole.'),
    min_weight_percent: withDefault(percent('Share of the weight to begin with.', { minimum: 1 }), 10),
    aggression: withDefault(
      Type.Number({
        minimum: 0.1,
        maximum: 10,
        description: 'Shape of the growth: 1 is a straight line, more is quicker at first, less is slower.',
      }),
      1,
    ),
  },
  'Little traffic at first for a node that is new or has recovered. A set that is new as a whole starts at once.',
);

/** Fields of an upstream: how traffic is spread over priorities and zones before the balancer has its say. */
export const spreadFields = {
  panic_threshold: withDefault(
    percent('Below this share of nodes that are not known to be bad, all of them are used; 0 never does that.', {
      minimum: 0,
    }),
    50,
  ),
  overprovisioning: withDefault(
    Type.Number({
      minimum: 1,
      maximum: 100,
      description:
        'A priority takes all traffic while this many times its share of usable nodes is 1 or more; then the next one helps.',
    }),
    1.4,
  ),
  zone_preference: Type.Optional(zonePreferenceSchema),
  slow_start: Type.Optional(slowStartSchema),
};
