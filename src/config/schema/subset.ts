import { Type } from 'typebox';
import { strict, texts, withDefault } from './field.ts';

/** Part of a route: which of the upstream's nodes it uses. */
export const subsetSchema = strict(
  {
    labels: texts('Metadata that a node must have, such as `version: v2`; all of them.'),
    fallback: withDefault(
      Type.Enum(['none', 'any'], {
        description: 'When no node has it: `none` answers 503, `any` uses all nodes of the upstream.',
      }),
      'none',
    ),
  },
  'Uses a part of the upstream’s nodes, by their metadata.',
);
