import { Type } from 'typebox';
import { certificate, privateKey } from './certificate.ts';
import { count, flag, seconds, strict, text, withDefault } from './field.ts';

const ADDRESS = 'Address and port to accept on, `host:port` or `[v6]:port`.';

/** Who may come in, HTTP and stream alike. */
const entrance = {
  proxy_protocol: Type.Optional(
    flag(
      'Whether each connection begins with a PROXY header, version 1 or 2, that names the client. It must then, and only `trusted_addresses` may connect.',
    ),
  ),
  trusted_addresses: Type.Optional(
    Type.Array(text('An IP address or a CIDR range.'), {
      uniqueItems: true,
      minItems: 1,
      description: 'Proxies that may connect with `proxy_protocol`, in place of the general `trusted_addresses`.',
    }),
  ),
  max_connections: Type.Optional(
    count(
      'Connections at once, over all workers. What comes above is closed. Without it as many as files may be open.',
      1,
      1_000_000,
    ),
  ),
  max_connections_per_source: Type.Optional(
    count(
      'Connections at once of one client address, over all workers; of IPv6 the first 64 bits count.',
      1,
      1_000_000,
    ),
  ),
};

const listenObject = strict({ address: text(ADDRESS), ...entrance }, 'An HTTP listener.');

const listenTls = strict(
  {
    cert: Type.Optional(certificate('Certificate for clients that ask for a name that no `ssls` is for, or for none.')),
    key: Type.Optional(privateKey('Key of `cert`.')),
  },
  'TLS is ended here; the nodes get what was encrypted.',
);

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
      ...entrance,
      tls: Type.Optional(
        Type.Union([flag('Whether TLS is ended here, with the certificates of `ssls`.'), listenTls], {
          description: 'Ends TLS: `true` with the certificates of `ssls`, or an object with a certificate of its own.',
          expects: 'true, or an object with `cert` and `key`',
        }),
      ),
      udp: withDefault(udp, {}),
    },
    'A listener for connections or datagrams that are relayed as they are.',
  ),
  { description: 'Where TCP connections and UDP datagrams for `stream_routes` are accepted.' },
);
