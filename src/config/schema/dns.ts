import { Type } from 'typebox';
import { count, seconds, strict, text, withDefault } from './field.ts';

function hold(description: string) {
  return Type.Union([Type.Enum(['keep', 'drop']), Type.Number({ exclusiveMinimum: 0, maximum: 2_000_000 })], {
    description: `${description} \`keep\` for ever, \`drop\` at once, or after so many seconds.`,
    expects: '"keep", "drop" or a number of seconds',
  });
}

const holdSchema = strict(
  {
    nxdomain: withDefault(hold('The name does not exist.'), 30),
    empty: withDefault(hold('The name has no such records.'), 'drop'),
    servfail: withDefault(hold('The servers answer that they cannot say.'), 'keep'),
    timeout: withDefault(hold('No server answers.'), 'keep'),
  },
  'What becomes of the nodes when a question brings none, by the reason.',
);

export const dnsSchema = strict(
  {
    servers: Type.Optional(
      Type.Array(text('IP address, or `address:port`.'), {
        minItems: 1,
        uniqueItems: true,
        description: 'DNS servers; the next one is asked when one fails. Without it those of `resolv_conf`.',
      }),
    ),
    resolv_conf: Type.Optional(
      text(
        'File with servers, search domains and `ndots`; followed when it changes. Without `servers` it is `/etc/resolv.conf`; beside `servers` only search domains and `ndots` are read.',
      ),
    ),
    order: withDefault(
      Type.Array(Type.Enum(['last', 'SRV', 'A', 'AAAA', 'CNAME'], { description: 'A record type.' }), {
        minItems: 1,
        description:
          'Types of records to ask for; the first that has any counts. `last` and `CNAME` are taken as in APISIX and change nothing: aliases are followed anyway.',
      }),
      ['SRV', 'A', 'AAAA'],
    ),
    min_ttl: withDefault(seconds('Shortest time between two questions, whatever the TTL.'), 1),
    max_ttl: withDefault(seconds('Longest time between two questions, whatever the TTL.'), 60),
    timeout: withDefault(seconds('Longest wait for the answer of one server.'), 2),
    attempts: withDefault(count('How often each server is asked before it counts as no answer.', 1, 10), 2),
    hold: withDefault(holdSchema, {}),
  },
  'Nodes from A, AAAA and SRV records.',
);
