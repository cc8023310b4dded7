import { Type } from 'typebox';
import { count, port, seconds, strict, text, withDefault } from './field.ts';
import { passiveChecksSchema } from './passive.ts';

function statuses(description: string) {
  return Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), { minItems: 1, uniqueItems: true, description });
}

function interval(description: string) {
  return Type.Number({ minimum: 0.1, maximum: 86_400, description: `${description} Seconds.` });
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
    http_failures: withDefault(count('Failing statuses that make a node unhealthy.', 1, 254), 5),
    tcp_failures: withDefault(count('Failed connections that make a node unhealthy.', 1, 254), 2),
    timeouts: withDefault(count('Timeouts that make a node unhealthy.', 1, 254), 3),
  },
  'How unhealthy nodes are checked, and what makes a node unhealthy.',
);

export const activeChecksSchema = strict(
  {
    type: withDefault(
      Type.Enum(['http', 'tcp'], { description: 'What is asked: an HTTP request, or only a connection.' }),
      'http',
    ),
    timeout: withDefault(seconds('Longest wait for the answer to one check.'), 1),
    concurrency: withDefault(count('Checks of this upstream that may be under way at once.', 1, 10_000), 10),
    host: Type.Optional(
      text('Host header of the check. Without it the node’s own host.', {
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
    req_headers: withDefault(
      Type.Array(text('`Name: value`.', { pattern: HEADER_PATTERN, expects: 'a header line "Name: value"' }), {
        description: 'Header lines to send with the HTTP check, each `Name: value`.',
      }),
      [],
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
