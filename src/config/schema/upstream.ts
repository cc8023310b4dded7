import { Type } from 'typebox';
import { balancingFields } from './balancing.ts';
import { checksSchema } from './checks.ts';
import { circuitBreakerSchema } from './circuit-breaker.ts';
import { about, id } from './common.ts';
import { count, seconds, secondsOrZero, strict, text, withDefault } from './field.ts';
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

const upstreamFields = {
  ...about,
  ...balancingFields,
  ...nodeSourceFields,
  sources: Type.Optional(nodeSourcesSchema),
  ...spreadFields,
  scheme: withDefault(Type.Enum(['http'], { description: 'Protocol that the nodes speak.' }), 'http'),
  retries: Type.Optional(
    count(
      'Further nodes to try after a failure. Without it all others, at most 16, while no connection was made; one after a connection broke.',
      0,
      100,
    ),
  ),
  retry_timeout: withDefault(secondsOrZero('Time after which no further try begins; 0 for no bound.'), 0),
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
