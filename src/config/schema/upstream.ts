import { Type } from 'typebox';
import { balancingFields } from './balancing.ts';
import { certificate, privateKey } from './certificate.ts';
import { checksSchema } from './checks.ts';
import { circuitBreakerSchema } from './circuit-breaker.ts';
import { about, id } from './common.ts';
import { count, flag, seconds, secondsOrZero, strict, text, withDefault } from './field.ts';
import { nodeLimitSchema, subsettingSchema } from './limits.ts';
import { nodeSourceFields, nodeSourcesSchema } from './node-source.ts';
import { spreadFields } from './spread.ts';

const timeoutSchema = strict(
  {
    connect: withDefault(seconds('Longest wait for a connection to a node.'), 3),
    send: withDefault(seconds('Longest pause between two writes to a node.'), 60),
    read: withDefault(seconds('Longest pause between two reads from a node.'), 60),
  },
  'How long to wait for a node.',
);

const keepalivePoolSchema = strict(
  {
    size: withDefault(count('Idle connections kept per worker and node.', 1, 65_535), 64),
    idle_timeout: withDefault(seconds('How long an idle connection is kept.'), 60),
    requests: withDefault(count('Requests that one connection may carry before it is closed.', 1, 1_000_000_000), 1000),
  },
  'Connections to the nodes that are kept for the next request.',
);

const tlsSchema = strict(
  {
    sni: Type.Optional(
      text('Server name to ask for, which the certificate must carry. Without it the node’s host.', { maxLength: 253 }),
    ),
    verify: withDefault(
      flag('Whether the node’s certificate is checked. Without that anybody can stand in for it.'),
      true,
    ),
    ca: Type.Optional(certificate('Authorities to check it by, in place of the usual ones.')),
    client_cert: Type.Optional(certificate('Certificate to show to the node.')),
    client_key: Type.Optional(privateKey('Key of `client_cert`.')),
  },
  'How TLS is spoken to the nodes, with `scheme: tls`.',
);

const nodeGoneSchema = Type.Union(
  [
    Type.Enum(['finish', 'close'], { description: '`finish` or `close`.' }),
    strict({ close_after: seconds('Time that they have left.') }, 'They are closed when a time is over.'),
  ],
  {
    description:
      'What becomes of streams to a node that has left, was disabled by an operator, or has turned unhealthy: they may `finish`, are closed at once with `close`, or with `close_after`.',
    expects: '"finish", "close" or an object with `close_after`',
  },
);

const upstreamFields = {
  ...about,
  ...balancingFields,
  ...nodeSourceFields,
  sources: Type.Optional(nodeSourcesSchema),
  scheme: withDefault(
    Type.Enum(['http', 'tcp', 'tls'], {
      description:
        'Protocol that the nodes speak. For stream routes `tls` encrypts what goes to them; any other is plain TCP.',
    }),
    'http',
  ),
  tls: Type.Optional(tlsSchema),
  proxy_protocol: Type.Optional(
    Type.Enum([1, 2], {
      description: 'Version of the PROXY header that tells a node who its client is. Stream routes only.',
    }),
  ),
  on_node_gone: withDefault(nodeGoneSchema, 'finish'),
  ...spreadFields,
  retries: Type.Optional(
    count(
      'Further nodes to try after a failure. Without it all others, at most 16, while no connection was made; one after a connection broke.',
      0,
      100,
    ),
  ),
  retry_timeout: withDefault(secondsOrZero('Time after which no further try begins; 0 for no bound.'), 0),
  retry_statuses: withDefault(
    Type.Array(Type.Integer({ minimum: 400, maximum: 599 }), {
      uniqueItems: true,
      description:
        'Statuses after which a request is sent once more, to another node: if its method allows that (GET, HEAD, PUT, …) and nothing of a body was sent.',
    }),
    [],
  ),
  timeout: withDefault(timeoutSchema, {}),
  pass_host: withDefault(
    Type.Enum(['pass', 'node', 'rewrite'], {
      description: 'Host header that the node sees: the client’s, the node’s own, or `upstream_host`.',
    }),
    'pass',
  ),
  upstream_host: Type.Optional(
    text('Host header for `pass_host: rewrite`.', {
      pattern: '^[!-~]+$',
      maxLength: 253,
      expects: 'a host name without spaces',
    }),
  ),
  keepalive_pool: withDefault(keepalivePoolSchema, {}),
  checks: Type.Optional(checksSchema),
  circuit_breaker: Type.Optional(circuitBreakerSchema),
  node_limit: Type.Optional(nodeLimitSchema),
  subsetting: Type.Optional(subsettingSchema),
};

export const upstreamSchema = strict(
  { id, ...upstreamFields },
  'A set of nodes, fixed or from a registry, and how traffic is spread over them.',
);

/** An upstream that is written where it is used, and so needs no id. */
export const inlineUpstreamSchema = strict(upstreamFields, 'An upstream for this resource alone.', {
  like: 'upstreams',
});
