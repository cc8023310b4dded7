import { seconds, strict, withDefault } from './field.ts';

export const streamSchema = strict(
  {
    idle_timeout: withDefault(seconds('How long a relayed connection may be silent in both directions.'), 3600),
    fin_timeout: withDefault(seconds('How long one direction may be silent after the other has ended.'), 60),
  },
  'Limits for relayed TCP connections.',
);
