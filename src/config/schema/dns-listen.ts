import { count, strict, text, withDefault } from './field.ts';

export const dnsListenSchema = strict(
  {
    address: withDefault(text('Where DNS is answered, by UDP and TCP, `host:port`.'), '127.0.0.1:8600'),
    domain: withDefault(
      text('Domain under which upstreams and registry services have their names.', {
        pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}([.][A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$',
        maxLength: 189,
        expects: 'a domain name without a final dot',
      }),
      'headgate',
    ),
    ttl: withDefault(count('How long clients may remember an answer. Seconds.', 0, 3600), 5),
  },
  'Answers DNS questions for the nodes of upstreams that are healthy. Without this block there is no such listener.',
);
