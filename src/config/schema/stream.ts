import { Type } from 'typebox';
import { seconds, strict, withDefault } from './field.ts';

export const streamSchema = strict(
  {
    idle_timeout: withDefault(seconds('How long a relayed connection may be silent in both directions.'), 3600),
    fin_timeout: withDefault(seconds('How long one direction may be silent after the other has ended.'), 60),
    max_lifetime: Type.Optional(
      seconds('How long a relayed connection may last at all. Without it as long as it is used.'),
    ),
  },
  'Limits for relayed TCP connections.',
);
