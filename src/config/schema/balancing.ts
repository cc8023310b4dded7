import { Type } from 'typebox';
import { flag, seconds, strict, text, withDefault } from './field.ts';

const stickySchema = strict(
  {
    cookie: text('Name of the cookie that binds a client to its node.', {
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
      maxLength: 64,
      expects: 'a cookie name without spaces, "=", ";" and ","',
    }),
    secret: Type.Optional(
      Type.String({
        minLength: 16,
        description:
          'Signs the cookie; the same in all gateways that share clients. Without it one is made up at each start, and bindings end with the process.',
        secret: true,
      }),
    ),
    ttl: Type.Optional(seconds('How long the browser keeps the cookie; without it until it is closed.')),
    path: withDefault(
      text('Paths that the browser sends the cookie for.', {
        pattern: '^/[!-:<-~]*$',
        expects: 'a path that begins with "/", without spaces and ";"',
      }),
      '/',
    ),
    same_site: withDefault(
      Type.Enum(['lax', 'strict', 'none'], { description: 'Whether requests from other sites carry the cookie.' }),
      'lax',
    ),
    secure: withDefault(flag('The browser sends the cookie over TLS only.'), false),
    http_only: withDefault(flag('Scripts in the browser can’t read the cookie.'), true),
  },
  'Binds each client to the node that answered it first, by a signed cookie, as long as that node can be used.',
);

const boundedLoadSchema = Type.Union([Type.Boolean(), Type.Number({ exclusiveMinimum: 1, maximum: 100 })], {
  description:
    '`chash`: no node has more than this many times its share of the requests under way; what is too much goes to the next nodes of the keys. `true` stands for 1.25.',
  expects: 'true, false or a number above 1',
});

/** Fields of an upstream: how a node is chosen among those that are ready. */
export const balancingFields = {
  type: withDefault(
    Type.Enum(['roundrobin', 'chash', 'least_conn', 'ewma', 'random'], {
      description:
        'How a node is chosen: in turn by weight, by a hash of the request, the one with the fewest requests under way for its weight, the one that is likely to answer first, or the less loaded of two drawn at random.',
    }),
    'roundrobin',
  ),
  hash_on: withDefault(
    Type.Enum(['vars', 'header', 'cookie', 'consumer', 'vars_combinations'], {
      description:
        '`chash`: what is hashed. A variable, a header, a cookie, who asks, or a text with `$variables`. The client’s address stands in for what a request does not have, and for the consumer as long as there are none.',
    }),
    'vars',
  ),
  key: Type.Optional(
    text('`chash`: name of the variable, header or cookie, or the text with variables, such as `$remote_addr$uri`.', {
      maxLength: 256,
    }),
  ),
  bounded_load: withDefault(boundedLoadSchema, false),
  ewma_decay: withDefault(seconds('`ewma`: time constant in which an old latency loses its weight.'), 10),
  sticky: Type.Optional(stickySchema),
};
