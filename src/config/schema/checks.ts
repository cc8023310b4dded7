import { Type } from 'typebox';
import { count, flag, port, seconds, strict, text, withDefault } from './field.ts';
import { passiveChecksSchema } from './passive.ts';

function statuses(description: string) {
  return Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), { minItems: 1, uniqueItems: true, description });
}

function interval(description: string) {
  return Type.Number({ minimum: 0.1, maximum: 86_400, description: `${description} Seconds.` });
}

/** What is sent or expected over TCP, TLS and UDP. */
function bytes(description: string) {
  const hex = text('Bytes, two hex digits each; spaces may stand between them.', {
    pattern: '^(?:[0-9A-Fa-f]{2} *)+$',
    maxLength: 8192,
    expects: 'hex digits, two for each byte',
  });
  return Type.Union([text('As text.', { maxLength: 4096 }), strict({ hex }, 'As bytes.')], {
    description: `${description} Text, or \`{hex: "00 ff"}\`.`,
    expects: 'text or {hex: …}',
  });
}

const HEADER_PATTERN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \\t]*[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$";

const healthySchema = strict(
  {
    interval: withDefault(interval('Pause between two checks of a healthy node.'), 1),
    http_statuses: withDefault(statuses('Statuses that count as a success.'), [200, 302]),
    successes: withDefault(count('Successes in a row that make a node healthy.', 1, 254), 2),
  },
  'How healthy nodes are checked, and what makes a node healthy.',
);

const unhealthySchema = strict(
  {
    interval: withDefault(interval('Pause between two checks of an unhealthy node.'), 1),
    http_statuses: withDefault(
      statuses('Statuses that count as a failure; one in neither list counts for nothing.'),
      [429, 404, 500, 501, 502, 503, 504, 505],
    ),
    http_failures: withDefault(
      count('Answers that count as a failure, by status, body or gRPC’s word, that make a node unhealthy.', 1, 254),
      5,
    ),
    tcp_failures: withDefault(
      count('Failed connections and answers that are not the protocol that make a node unhealthy.', 1, 254),
      2,
    ),
    timeouts: withDefault(count('Timeouts that make a node unhealthy.', 1, 254), 3),
  },
  'How unhealthy nodes are checked, and what makes a node unhealthy.',
);

export const activeChecksSchema = strict(
  {
    type: withDefault(
      Type.Enum(['http', 'https', 'tcp', 'tls', 'grpc', 'grpcs', 'udp'], {
        description:
          'What is asked: an HTTP request; a connection, alone or with a TLS handshake; gRPC’s health service; a datagram.',
      }),
      'http',
    ),
    timeout: withDefault(seconds('Longest wait for the answer to one check.'), 1),
    concurrency: withDefault(count('Checks of this upstream that may be under way at once.', 1, 10_000), 10),
    host: Type.Optional(
      text('Host header of the check, and the name that TLS asks for. Without it the node’s own host.', {
        pattern: '^[!-~]+$',
        maxLength: 253,
        expects: 'a host name without spaces',
      }),
    ),
    port: Type.Optional(port('Port to check. Without it the node’s own port.')),
    http_path: withDefault(
      text('Path and query of the HTTP check.', { pattern: '^/[!-~]*$', expects: 'a path that starts with "/"' }),
      '/',
    ),
    http_method: withDefault(
      Type.Enum(['GET', 'HEAD', 'OPTIONS', 'POST'], { description: 'Method of the HTTP check.' }),
      'GET',
    ),
    req_headers: withDefault(
      Type.Array(text('`Name: value`.', { pattern: HEADER_PATTERN, expects: 'a header line "Name: value"' }), {
        description: 'Header lines to send with the HTTP check, or metadata with the gRPC check, each `Name: value`.',
      }),
      [],
    ),
    expect_body: Type.Optional(
      text('Pattern that the body of the HTTP answer must match; see the page on health checks.', { maxLength: 1024 }),
    ),
    body_limit: withDefault(count('Bytes of the body that `expect_body` looks at.', 1, 1_048_576), 65_536),
    send: Type.Optional(bytes('What a check of type `tcp`, `tls` or `udp` sends.')),
    expect: Type.Optional(bytes('What the answer to such a check must contain.')),
    grpc_service: Type.Optional(
      text('Service that the gRPC check asks for. Without it the server as a whole.', { maxLength: 256 }),
    ),
    https_verify_certificate: withDefault(
      flag('Whether checks of type `https`, `tls` and `grpcs` refuse a certificate that is not trusted.'),
      true,
    ),
    tls_server_name: Type.Optional(
      text('Name to ask for in TLS, and to find in the certificate. Without it `host`, or the node’s own host.', {
        pattern: '^[!-~]+$',
        maxLength: 253,
        expects: 'a host name without spaces',
      }),
    ),
    tls_ca: Type.Optional(text('Certificates to trust, as PEM, instead of those that the system trusts.')),
    fast_interval: Type.Optional(
      interval('Pause between two checks while their results point to a change that is not decided yet.'),
    ),
    gate: withDefault(flag('Whether a new node takes no traffic before its first success.'), false),
    flap_hold: Type.Optional(
      seconds('How long a node that falls for the second time is kept out; each further fall doubles it.'),
    ),
    flap_hold_max: withDefault(
      seconds('Longest such time; one fall is forgotten for each time as long as this without one.'),
      300,
    ),
    healthy: withDefault(healthySchema, {}),
    unhealthy: withDefault(unhealthySchema, {}),
  },
  'Checks that Headgate makes by itself, whether or not there is traffic.',
);

export const checksSchema = strict(
  { active: Type.Optional(activeChecksSchema), passive: Type.Optional(passiveChecksSchema) },
  'Health checks of the nodes. Without it only failed connections count against a node.',
);
