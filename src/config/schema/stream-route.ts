import { Type } from 'typebox';
import { about, id, remoteAddress, remoteAddresses, serviceId, upstreamId } from './common.ts';
import { port, strict, text } from './field.ts';
import { subsetSchema } from './subset.ts';
import { inlineUpstreamSchema } from './upstream.ts';

export const streamRouteSchema = strict(
  {
    id,
    ...about,
    protocol: Type.Optional(
      Type.Enum(['tcp', 'udp'], { description: 'Transport protocol that it takes. Without it both.' }),
    ),
    server_addr: Type.Optional(text('IP address on which the connection arrived. Without it any.')),
    server_port: Type.Optional(port('Port on which the connection arrived. Without it any.')),
    remote_addr: Type.Optional(remoteAddress),
    remote_addrs: Type.Optional(remoteAddresses),
    upstream: Type.Optional(inlineUpstreamSchema),
    upstream_id: Type.Optional(upstreamId),
    service_id: Type.Optional(serviceId),
    subset: Type.Optional(subsetSchema),
  },
  'Which TCP connections and UDP datagrams go to which upstream.',
);
