import { Type } from 'typebox';
import { about, hosts, id, upstreamId } from './common.ts';
import { flag, strict } from './field.ts';
import { inlineUpstreamSchema } from './upstream.ts';

export const serviceSchema = strict(
  {
    id,
    ...about,
    hosts: Type.Optional(hosts),
    upstream: Type.Optional(inlineUpstreamSchema),
    upstream_id: Type.Optional(upstreamId),
    enable_websocket: Type.Optional(
      flag('Whether requests may be upgraded to WebSocket; false holds for every route of the service.'),
    ),
  },
  'Settings that several routes share.',
);
