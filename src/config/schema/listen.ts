import { Type } from 'typebox';
import { strict, text, withDefault } from './field.ts';

const ADDRESS = 'Address and port to accept on, `host:port` or `[v6]:port`.';

const listenObject = strict({ address: text(ADDRESS) }, 'An HTTP listener.');

export const listenSchema = Type.Array(
  Type.Union([text(ADDRESS), listenObject], {
    description: '`host:port`, or an object.',
    expects: '"host:port" or an object with `address`',
  }),
  { description: 'Where HTTP requests are accepted: `host:port`, or an object with `address`.' },
);

export const streamListenSchema = Type.Array(
  strict(
    {
      address: text(ADDRESS),
      protocol: withDefault(Type.Enum(['tcp'], { description: 'Transport protocol.' }), 'tcp'),
    },
    'A listener for connections that are relayed as they are.',
  ),
  { description: 'Where TCP connections for `stream_routes` are accepted.' },
);
