import { Type } from 'typebox';
import { count, flag, percent, seconds, strict, withDefault } from './field.ts';

const unhealthySchema = strict(
  {
    http_statuses: withDefault(
      Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), {
        uniqueItems: true,
        description: 'Statuses that count as a failure. Empty: 500 and above.',
      }),
      [],
    ),
    http_failures: withDefault(count('Failing statuses in a row that eject a node; 0 for never.', 0, 254), 5),
    tcp_failures: withDefault(
      count('Connections in a row that failed or broke that eject a node; 0 for never.', 0, 254),
      5,
    ),
    timeouts: withDefault(count('Timeouts in a row that eject a node; 0 for never.', 0, 254), 5),
  },
  'Runs of failures.',
);

const failureRatioSchema = strict(
  {
    threshold: withDefault(percent('Share of failures that ejects a node.'), 50),
    min_requests: withDefault(count('Requests in the window below which nothing is concluded.', 1, 1_000_000), 20),
  },
  'Ejects a node of which too large a share of requests fails.',
);

const successRateSchema = strict(
  {
    factor: withDefault(
      Type.Number({ minimum: 0, maximum: 100, description: 'Standard deviations below the mean that eject a node.' }),
      1.9,
    ),
    min_requests: withDefault(count('Requests in the window below which a node is not compared.', 1, 1_000_000), 100),
    min_nodes: withDefault(count('Nodes with that many requests below which nothing is compared.', 2, 10_000), 5),
  },
  'Ejects a node that succeeds clearly less often than the others.',
);

const ejectionSchema = strict(
  {
    time: withDefault(seconds('How long a node is left alone; the n-th time in a row n times as long.'), 30),
    max_time: withDefault(seconds('Longest time that a node is left alone.'), 300),
    max_percent: withDefault(percent('Nodes that may be ejected at once; one always may, if there are others.'), 30),
  },
  'How long a node that failed takes no traffic. Then a single request tries it.',
);

export const passiveChecksSchema = strict(
  {
    shadow: withDefault(flag('Only reports in the log and in the metrics what it would do.'), false),
    unhealthy: withDefault(unhealthySchema, {}),
    failure_ratio: Type.Optional(failureRatioSchema),
    success_rate: Type.Optional(successRateSchema),
    window: withDefault(seconds('Time over which shares are taken.'), 10),
    ejection: withDefault(ejectionSchema, {}),
    retry_after: withDefault(
      flag(
        'A node that answers 429 or 503 with `Retry-After` gets no new traffic for that long, up to `ejection.time`.',
      ),
      true,
    ),
  },
  'Leaves nodes alone whose answers to real traffic are bad (outlier detection).',
);
