import { Type } from 'typebox';
import { port, seconds, strict, text, texts, withDefault } from './field.ts';

const own = {
  name: withDefault(text('Name of the service.'), 'headgate'),
  id: Type.Optional(text('Unique among the instances; without it made of name, address and port.')),
  address: text('Address at which clients reach this Headgate: an IP address or a host name.'),
  port: port('Port at which they do.'),
};

const checkSchema = strict(
  {
    ttl: withDefault(
      seconds('Without a heartbeat for this long Consul takes the service for critical; there are three in the time.'),
      15,
    ),
    deregister_after: withDefault(
      seconds('How long it may stay critical until Consul forgets it; Consul makes at least a minute of it.'),
      600,
    ),
  },
  'How Consul notices that this Headgate is gone.',
);

const consulRegistrationSchema = strict(
  {
    ...own,
    servers: Type.Optional(
      Type.Array(text('Base URL of an agent.'), {
        minItems: 1,
        uniqueItems: true,
        description: 'Base URLs of Consul agents, the next in case one fails. Without it those under `discovery`.',
      }),
    ),
    token: Type.Optional(text('ACL token with `service:write`. Without it that under `discovery`.', { secret: true })),
    tags: withDefault(Type.Array(text('A tag.'), { uniqueItems: true, description: 'Tags of the service.' }), []),
    meta: withDefault(texts('Metadata of the service.'), {}),
    check: withDefault(checkSchema, {}),
  },
  'Registers this Headgate in Consul.',
);

const leaseSchema = strict(
  {
    renewal_interval: withDefault(seconds('Time between two heartbeats.'), 30),
    duration: withDefault(seconds('Without a heartbeat for this long Eureka may evict the instance.'), 90),
  },
  'How Eureka notices that this Headgate is gone.',
);

const eurekaRegistrationSchema = strict(
  {
    ...own,
    host: Type.Optional(
      Type.Array(text('Base URL of a server; a user and a password may be in it.', { secret: true }), {
        minItems: 1,
        uniqueItems: true,
        description: 'Base URLs of Eureka servers, the next in case one fails. Without it those under `discovery`.',
      }),
    ),
    prefix: Type.Optional(text('Path of the REST API. Without it that under `discovery`.', { pattern: '^/' })),
    metadata: withDefault(texts('Metadata of the instance, such as `zone`.'), {}),
    lease: withDefault(leaseSchema, {}),
  },
  'Registers this Headgate in Eureka.',
);

export const registerSchema = strict(
  {
    consul: Type.Optional(consulRegistrationSchema),
    eureka: Type.Optional(eurekaRegistrationSchema),
  },
  'Registers this Headgate itself, with heartbeats while it runs; at a shutdown it deregisters before anything else.',
);
