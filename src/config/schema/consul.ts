import { Type } from 'typebox';
import { count, flag, seconds, strict, text, withDefault } from './field.ts';
import { WEIGHT_MAX } from './node.ts';
import { consulTimeouts } from './registry-timeouts.ts';

export const consulSchema = strict(
  {
    servers: withDefault(
      Type.Array(text('Base URL of an agent or server.'), {
        minItems: 1,
        uniqueItems: true,
        description:
          'Base URLs of Consul agents or servers; the next one is asked when one fails. With the embedded registry, that one unless stated.',
      }),
      ['http://127.0.0.1:8500'],
    ),
    token: Type.Optional(
      text('ACL token that is sent with every question; best taken from the environment.', { secret: true }),
    ),
    token_file: Type.Optional(
      text('File with the token in place of `token`, read for each question: a new token counts at once.'),
    ),
    datacenter: Type.Optional(text('Datacenter to ask for. Without it that of the agent.')),
    namespace: Type.Optional(
      text('Namespace to ask for, in Consul Enterprise; the open-source version has none, and it is ignored there.'),
    ),
    partition: Type.Optional(
      text(
        'Admin partition to ask for, in Consul Enterprise; the open-source version has none, and it is ignored there.',
      ),
    ),
    tag: Type.Optional(text('Only instances with this tag are used.')),
    stale: withDefault(flag('Whether any server may answer, not the leader alone.'), true),
    cached: withDefault(flag('Whether the agent may answer from its cache.'), false),
    passing_only: withDefault(
      flag('Whether only instances whose checks all pass are used; otherwise those with a warning are too.'),
      true,
    ),
    weight: withDefault(count('Weight of an instance that states none.', 0, WEIGHT_MAX), 1),
    skip_services: withDefault(
      Type.Array(text('Name of a service.'), {
        uniqueItems: true,
        description: 'Services for which no automatic route is made.',
      }),
      [],
    ),
    concurrency: withDefault(count('Questions under way at once while all services are read.', 1, 1024), 16),
    max_watches: withDefault(
      count(
        'Services watched at most, the others are polled; each watch holds a connection, and Consul takes 200 from one address unless its `limits.http_max_conns_per_client` is raised.',
        1,
        100_000,
      ),
      170,
    ),
    poll_interval: withDefault(
      seconds('Time between two questions for a service above `max_watches` or a prepared query.'),
      5,
    ),
    poll_rate: withDefault(
      count('Such questions per second at most; with more services than this allows the interval grows.', 1, 1000),
      25,
    ),
    timeout: withDefault(consulTimeouts, {}),
    auto_route: Type.Optional(
      text(
        'Route for services without a routing tag: a template such as `{service}.example.com` for host or host and path.',
      ),
    ),
  },
  'Services and their instances from Consul over its HTTP API.',
);
