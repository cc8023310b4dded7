import { Type } from 'typebox';
import { circuitBreakerSchema } from './circuit-breaker.ts';
import { about, hosts, id, remoteAddress, remoteAddresses, routeTimeout, serviceId, upstreamId } from './common.ts';
import { count, flag, strict, text, withDefault } from './field.ts';
import { importance } from './limits.ts';
import { subsetSchema } from './subset.ts';
import { inlineUpstreamSchema } from './upstream.ts';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PURGE'] as const;

export const routeSchema = strict(
  {
    id,
    ...about,
    status: withDefault(
      Type.Enum([1, 0], { description: '1 when the route is in use, 0 when it is switched off.' }),
      1,
    ),
    uri: Type.Optional(text('Path that matches, exact or a prefix that ends in `*`; short for `uris` with one entry.')),
    uris: Type.Optional(
      Type.Array(text('An exact path, or a prefix that ends in `*`.'), {
        minItems: 1,
        uniqueItems: true,
        description: 'Paths that match, each exact or a prefix that ends in `*`.',
      }),
    ),
    host: Type.Optional(text('Host that matches; short for `hosts` with one entry.')),
    hosts: Type.Optional(hosts),
    methods: withDefault(
      Type.Array(Type.Enum([...METHODS]), {
        uniqueItems: true,
        description: 'HTTP methods that match. Empty: every method.',
      }),
      [],
    ),
    priority: withDefault(
      count('Of the routes that match equally well, the one with the highest value wins.', -1_000_000, 1_000_000),
      0,
    ),
    remote_addr: Type.Optional(remoteAddress),
    remote_addrs: Type.Optional(remoteAddresses),
    upstream: Type.Optional(inlineUpstreamSchema),
    upstream_id: Type.Optional(upstreamId),
    service_id: Type.Optional(serviceId),
    subset: Type.Optional(subsetSchema),
    timeout: Type.Optional(routeTimeout),
    circuit_breaker: Type.Optional(circuitBreakerSchema),
    importance,
    enable_websocket: withDefault(flag('Whether requests may be upgraded to WebSocket.'), true),
  },
  'Which requests go to which upstream.',
);
