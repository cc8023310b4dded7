import { strict, text, withDefault } from './field.ts';

export const registrySchema = strict(
  { address: withDefault(text('Where the registry listens, `host:port`.'), '127.0.0.1:8500') },
  'The embedded registry, in the shape of Consul’s agent API. Without this block there is none.',
);
