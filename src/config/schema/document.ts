import { Type } from 'typebox';
import { adminSchema } from './admin.ts';
import { discoverySchema } from './discovery.ts';
import { dnsListenSchema } from './dns-listen.ts';
import { strict, text, withDefault } from './field.ts';
import { httpSchema } from './http.ts';
import { listenSchema, streamListenSchema } from './listen.ts';
import { logSchema } from './log.ts';
import { registerSchema } from './register.ts';
import { registrySchema } from './registry.ts';
import { routeSchema } from './route.ts';
import { serviceSchema } from './service.ts';
import { shutdownSchema } from './shutdown.ts';
import { sslSchema } from './ssl.ts';
import { streamSchema } from './stream.ts';
import { streamRouteSchema } from './stream-route.ts';
import { upstreamSchema } from './upstream.ts';

/** Read at start only: a change takes effect at the next start. */
export const staticFields = {
  listen: withDefault(listenSchema, ['0.0.0.0:9080']),
  stream_listen: withDefault(streamListenSchema, []),
  dns_listen: Type.Optional(dnsListenSchema),
  admin: withDefault(adminSchema, {}),
  workers: withDefault(
    Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 256 })], {
      description: 'Worker threads: a number, or `auto` for one per core.',
      expects: '"auto" or a whole number from 1 to 256',
    }),
    'auto',
  ),
  zone: Type.Optional(text('Zone that this gateway is in; upstreams with `zone_preference` prefer nodes of it.')),
  state_dir: Type.Optional(text('Directory for what outlives a restart, such as the last good node sets.')),
  discovery: withDefault(discoverySchema, {}),
  registry: Type.Optional(registrySchema),
  register: Type.Optional(registerSchema),
  log: withDefault(logSchema, {}),
  shutdown: withDefault(shutdownSchema, {}),
  trusted_addresses: withDefault(
    Type.Array(text('An IP address or a CIDR range.'), {
      uniqueItems: true,
      description: 'Proxies in front whose `X-Forwarded-*` headers are believed, as IP addresses or CIDR ranges.',
    }),
    [],
  ),
  http: withDefault(httpSchema, {}),
  stream: withDefault(streamSchema, {}),
};

/** Resources by the name of their list; each has an `id`. Another kind is another file and another line here. */
export const resourceSchemas = {
  routes: routeSchema,
  services: serviceSchema,
  upstreams: upstreamSchema,
  stream_routes: streamRouteSchema,
  ssls: sslSchema,
};

export type ResourceKind = keyof typeof resourceSchemas;
export const RESOURCE_KINDS = Object.keys(resourceSchemas) as ResourceKind[];

const dynamicFields = {
  routes: withDefault(Type.Array(routeSchema, { description: 'HTTP routes.' }), []),
  services: withDefault(Type.Array(serviceSchema, { description: 'Settings that several routes share.' }), []),
  upstreams: withDefault(Type.Array(upstreamSchema, { description: 'Upstreams that others refer to by `id`.' }), []),
  stream_routes: withDefault(
    Type.Array(streamRouteSchema, { description: 'Routes for TCP connections and UDP datagrams.' }),
    [],
  ),
  ssls: withDefault(Type.Array(sslSchema, { description: 'Certificates for listeners that end TLS.' }), []),
};

export const documentSchema = strict({ ...staticFields, ...dynamicFields }, 'A configuration of Headgate.');
