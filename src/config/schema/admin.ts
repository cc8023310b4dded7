import { Type } from 'typebox';
import { strict, text, withDefault } from './field.ts';

export const adminSchema = strict(
  {
    address: withDefault(text('Where metrics, health and views are served, `host:port`.'), '127.0.0.1:9180'),
    key: Type.Optional(
      text('Secret that changes must bring in the field `X-API-KEY`. Without it nothing can be changed there.', {
        pattern: '^[!-~]{16,256}$',
        expects: '16 to 256 visible ASCII characters',
      }),
    ),
  },
  'The listener for operators: `/metrics`, `/healthz`, `/readyz`, `/v1/…`.',
);
