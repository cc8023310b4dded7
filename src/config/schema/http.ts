import { count, seconds, strict, withDefault } from './field.ts';

export const httpSchema = strict(
  {
    head_timeout: withDefault(seconds('Longest time from the first byte of a request head to its last.'), 10),
    idle_timeout: withDefault(seconds('How long a client connection without a request is kept.'), 60),
    max_head_bytes: withDefault(count('Largest request head. Bytes.', 1024, 1_048_576), 16_384),
    max_fields: withDefault(count('Most header fields in a request.', 8, 10_000), 100),
  },
  'Limits for HTTP clients.',
);
