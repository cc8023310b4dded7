import { Type } from 'typebox';
import { strict, text, withDefault } from './field.ts';

export const logSchema = strict(
  {
    level: withDefault(
      Type.Enum(['debug', 'info', 'warn', 'error'], { description: 'Least important events that are written.' }),
      'info',
    ),
    access: withDefault(
      text('Access log, one JSON line per request, TCP stream and UDP session: `off`, `stdout` or the path of a file.'),
      'off',
    ),
  },
  'What is written where.',
);
