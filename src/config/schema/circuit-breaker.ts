import { Type } from 'typebox';
import { count, percent, seconds, strict, text, withDefault } from './field.ts';

const answerSchema = strict(
  {
    status: withDefault(Type.Integer({ minimum: 400, maximum: 599, description: 'Status.' }), 503),
    content_type: withDefault(
      text('Content type of the body.', { pattern: '^[!-~ ]+$', expects: 'printable characters' }),
      'application/json',
    ),
    body: Type.Optional(Type.String({ maxLength: 65_536, description: 'Body. Without it an error message in JSON.' })),
  },
  'What clients get while the breaker is open; with `Retry-After`.',
);

export const circuitBreakerSchema = strict(
  {
    failure_ratio: withDefault(percent('Share of failed requests at which it opens.'), 50),
    slow_ratio: Type.Optional(percent('Share of slow requests at which it opens. Without it slow ones do not count.')),
    slow_after: withDefault(seconds('Time to the answer from which a request is slow.'), 5),
    min_requests: withDefault(count('Requests in the window below which nothing is concluded.', 1, 1_000_000), 20),
    window: withDefault(seconds('Time over which shares are taken.'), 10),
    open_time: withDefault(seconds('How long it stays open; each time in a row twice as long.'), 5),
    max_open_time: withDefault(seconds('Longest time that it stays open.'), 60),
    trials: withDefault(count('Requests let through afterwards, which decide whether it closes.', 1, 10_000), 5),
    answer: withDefault(answerSchema, {}),
  },
  'Circuit breaker: sends nothing for a while when too much fails or is slow.',
);
