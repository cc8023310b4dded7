import type { CounterSums } from './counter-table.ts';
import { DURATION_BUCKETS, RouteField, STATUS_CODES } from './counters.ts';
import { durationCounts } from './duration-counts.ts';
import { labelled } from './labelled.ts';
import type { RouteMetrics } from './metrics-source.ts';
import { type Family, joinLabels, labelText } from './text-format.ts';

const CODES = STATUS_CODES.map((code) => labelText({ code: String(code) }));

/** HTTP requests by route. A status code has a series when it was answered at least once. */
export function routeFamilies(routes: readonly RouteMetrics[], sums: CounterSums): Family[] {
  const named = labelled(routes, ({ id, upstream }) => ({ route: id, upstream }));
  const perRoute = labelled(routes, ({ id }) => ({ route: id }));
  const counter = (name: string, help: string, field: number): Family => ({
    name,
    help,
    type: 'counter',
    collect: (samples) => {
      for (const { item, labels } of perRoute) samples.add(labels, sums.sum(item.slot, field));
    },
  });
  return [
    {
      name: 'headgate_http_requests_total',
      help: 'Requests that ended, by the status sent to the client.',
      type: 'counter',
      collect: (samples) => {
        for (const { item, labels } of named) {
          for (let index = 0; index < CODES.length; index++) {
            const count = sums.sum(item.slot, RouteField.status + index);
            if (count > 0) samples.add(joinLabels(labels, CODES[index]!), count);
          }
        }
      },
    },
    {
      name: 'headgate_http_request_duration_seconds',
      help: 'Time from a complete request head to the end of the answer.',
      type: 'histogram',
      collect: (samples) => {
        for (const { item, labels } of perRoute) {
          const counts = durationCounts(sums, item.slot);
          if (counts.some((count) => count > 0)) {
            samples.addHistogram(labels, DURATION_BUCKETS, counts, sums.sum(item.slot, RouteField.durationSum));
          }
        }
      },
    },
    counter('headgate_http_request_bytes_total', 'Body bytes from clients.', RouteField.requestBytes),
    counter('headgate_http_response_bytes_total', 'Body bytes to clients.', RouteField.responseBytes),
    counter('headgate_http_retries_total', 'Further tries after a first one that failed.', RouteField.retries),
  ];
}
