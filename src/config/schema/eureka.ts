import { Type } from 'typebox';
import { count, seconds, strict, text, withDefault } from './field.ts';
import { WEIGHT_MAX } from './node.ts';
import { serverTimeouts } from './registry-timeouts.ts';

export const eurekaSchema = strict(
  {
    host: Type.Array(text('Base URL of a server; a user and a password may be in it.', { secret: true }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Base URLs of Eureka servers, such as `http://127.0.0.1:8761`; the next is asked when one fails.',
    }),
    prefix: withDefault(
      text('Path of the REST API: `/eureka/` of a Spring server, `/eureka/v2/` of Netflix.', { pattern: '^/' }),
      '/eureka/',
    ),
    fetch_interval: withDefault(seconds('Time from one question to the next; one question is for all services.'), 30),
    resync: withDefault(
      seconds(
        'Time after which everything is read anew, and not only what changed: the server may keep an outdated delta.',
      ),
      60,
    ),
    weight: withDefault(count('Weight of an instance whose metadata has no `weight`.', 0, WEIGHT_MAX), 100),
    timeout: withDefault(serverTimeouts('Eureka'), {}),
    auto_route: Type.Optional(
      text(
        'Route for services without routing metadata: a template such as `{service}.example.com` for host or host and path.',
      ),
    ),
  },
  'Services and their instances from Eureka over its REST API.',
);
