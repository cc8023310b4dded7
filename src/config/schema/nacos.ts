import { Type } from 'typebox';
import { count, flag, seconds, strict, text, withDefault } from './field.ts';
import { WEIGHT_MAX } from './node.ts';
import { serverTimeouts } from './registry-timeouts.ts';

export const nacosSchema = strict(
  {
    host: Type.Array(text('Base URL of a server.'), {
      minItems: 1,
      uniqueItems: true,
      description:
        'Base URLs of the servers of one cluster, such as `http://127.0.0.1:8848`; the next is asked when one fails.',
    }),
    prefix: withDefault(text('Path of the API.', { pattern: '^/' }), '/nacos/'),
    fetch_interval: withDefault(
      seconds(
        'Longest time from one question for a service to the next; with `push` the server may want a shorter one.',
      ),
      30,
    ),
    username: Type.Optional(text('User to log in as; without it there is no login.')),
    password: Type.Optional(text('Its password; best taken from the environment.', { secret: true })),
    namespace_id: withDefault(text('Namespace of services that name none in `discovery_args`.'), 'public'),
    group_name: withDefault(text('Group of services that name none in `discovery_args`.'), 'DEFAULT_GROUP'),
    weight: withDefault(
      count('Weight of an instance that weighs 1 in Nacos; others are in proportion.', 0, WEIGHT_MAX),
      100,
    ),
    timeout: withDefault(serverTimeouts('Nacos'), {}),
    concurrency: withDefault(count('Questions under way at once.', 1, 1024), 16),
    push: withDefault(
      flag('Whether the servers are asked to tell of changes by UDP; they must be able to send to this machine.'),
      true,
    ),
    push_port: withDefault(count('UDP port for that; 0 for any that is free.', 0, 65_535), 0),
    metadata_routes: withDefault(
      flag(
        'Whether automatic routes are made from instance metadata. Every service is then asked for once in `fetch_interval`, since Nacos lists no metadata.',
      ),
      false,
    ),
    auto_route: Type.Optional(
      text(
        'Route for services without routing metadata: a template such as `{service}.example.com` for host or host and path.',
      ),
    ),
  },
  'Services and their instances from Nacos over its HTTP client APIs.',
);
