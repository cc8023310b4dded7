import { Type } from 'typebox';
import { about, id, remoteAddress, remoteAddresses, serviceId, upstreamId } from './common.ts';
import { port, seconds, strict, text } from './field.ts';
import { subsetSchema } from './subset.ts';
import { inlineUpstreamSchema } from './upstream.ts';

export const streamRouteSchema = strict(
  {
    id,
    ...about,
    protocol: Type.Optional(
      Type.Enum(['tcp', 'udp'], {
        description:
          'Transport protocol that it takes. Without it both; where a UDP listener could match, an upstream with TLS or a PROXY header needs `tcp`.',
      }),
    ),
    server_addr: Type.Optional(text('IP address on which the connection arrived. Without it any.')),
    server_port: Type.Optional(port('Port on which the connection arrived. Without it any.')),
    remote_addr: Type.Optional(remoteAddress),
    remote_addrs: Type.Optional(remoteAddresses),
    sni: Type.Optional(
      text('Server name that TLS clients ask for, exact or with a leading `*.`; short for `snis` with one entry.'),
    ),
    snis: Type.Optional(
      Type.Array(text('A server name, exact or with a leading `*.`.'), {
        uniqueItems: true,
        description:
          'Server names that TLS clients ask for. It is read whether TLS is ended here or passed on. Empty: any client, TLS or not.',
      }),
    ),
    idle_timeout: Type.Optional(seconds('In place of `stream.idle_timeout`, for TCP.')),
    max_lifetime: Type.Optional(seconds('In place of `stream.max_lifetime`, for TCP.')),
    upstream: Type.Optional(inlineUpstreamSchema),
    upstream_id: Type.Optional(upstreamId),
    service_id: Type.Optional(serviceId),
    subset: Type.Optional(subsetSchema),
  },
  'Which TCP connections and UDP datagrams go to which upstream.',
);
