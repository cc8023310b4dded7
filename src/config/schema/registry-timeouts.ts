import { Type } from 'typebox';
import { seconds, strict, withDefault } from './field.ts';

/** A question that the registry holds open until there is news. */
export function longQuestion(description: string, maximum: number) {
  return withDefault(Type.Number({ minimum: 1, maximum, description: `${description} Seconds.` }), 60);
}

export const consulTimeouts = strict(
  {
    connect: withDefault(seconds('Longest wait for a connection to Consul.'), 2),
    read: withDefault(seconds('Longest wait for an answer that Consul need not hold back.'), 5),
    wait: longQuestion('How long Consul may hold a question open.', 600),
  },
  'How long to wait for Consul.',
);

/** For registries that answer every question at once. */
export function serverTimeouts(registry: string) {
  return strict(
    {
      connect: withDefault(seconds('Longest wait for a connection to a server.'), 2),
      read: withDefault(seconds('Longest wait for a whole answer of a server.'), 5),
    },
    `How long to wait for ${registry}.`,
  );
}
