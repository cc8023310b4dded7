import { strict, text, withDefault } from './field.ts';

export const adminSchema = strict(
  { address: withDefault(text('Where metrics, health and views are served, `host:port`.'), '127.0.0.1:9180') },
  'The listener for operators: `/metrics`, `/healthz`, `/readyz`, `/v1/…`.',
);
