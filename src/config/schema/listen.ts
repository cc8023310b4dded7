import { Type } from 'typebox';
import { count, seconds, strict, text, withDefault } from './field.ts';

const ADDRESS = 'Address and port to accept on, `host:port` or `[v6]:port`.';

const listenObject = strict({ address: text(ADDRESS) }, 'An HTTP listener.');

export const listenSchema = Type.Array(
  Type.Union([text(ADDRESS), listenObject], {
    description: '`host:port`, or an object.',
    expects: '"host:port" or an object with `address`',
  }),
  { description: 'Where HTTP requests are accepted: `host:port`, or an object with `address`.' },
);

const udp = strict(
  {
    idle_timeout: withDefault(seconds('How long a session may be without a datagram either way.'), 30),
    responses: Type.Optional(
      count(
        'Replies to each datagram of a client after which its session ends: 1 for DNS. Without it silence ends it.',
        1,
        65_535,
      ),
    ),
    max_sessions: withDefault(
      count('Sessions at once, over all workers. One more ends the session that was unused for longest.', 1, 1_000_000),
      10_000,
    ),
    max_sessions_per_source: withDefault(
      count('Sessions at once with one client address, over all workers. 0 for no bound.', 0, 1_000_000),
      0,
    ),
  },
  'Sessions of a UDP listener.',
);

export const streamListenSchema = Type.Array(
  strict(
    {
      address: text(ADDRESS),
      protocol: withDefault(Type.Enum(['tcp', 'udp'], { description: 'Transport protocol.' }), 'tcp'),
      udp: withDefault(udp, {}),
    },
    'A listener for connections or datagrams that are relayed as they are.',
  ),
  { description: 'Where TCP connections and UDP datagrams for `stream_routes` are accepted.' },
);
