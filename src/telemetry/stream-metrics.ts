import type { CounterSums } from './counter-table.ts';
import { RouteField, STREAM_DURATION_BUCKETS } from './counters.ts';
import { durationCounts } from './duration-counts.ts';
import { labelled } from './labelled.ts';
import type { RouteMetrics } from './metrics-source.ts';
import { STREAM_END_NAMES } from './stream-ends.ts';
import { type Family, joinLabels, labelText } from './text-format.ts';

const REASONS = STREAM_END_NAMES.map((reason) => labelText({ reason }));

/** TCP streams and UDP sessions by route. A reason has a series when a stream has ended for it at least once. */
export function streamFamilies(routes: readonly RouteMetrics[], sums: CounterSums): Family[] {
  const named = labelled(routes, ({ id, upstream }) => ({ route: id, upstream }));
  const counter = (name: string, help: string, field: number): Family => ({
    name,
    help,
    type: 'counter',
    collect: (samples) => {
      for (const { item, labels } of named) samples.add(labels, sums.sum(item.slot, field));
    },
  });
  return [
    {
      name: 'headgate_stream_ends_total',
      help: 'Streams and UDP sessions that ended, by what ended them.',
      type: 'counter',
      collect: (samples) => {
        for (const { item, labels } of named) {
          for (let index = 0; index < REASONS.length; index++) {
            const count = sums.sum(item.slot, RouteField.status + index);
            if (count > 0) samples.add(joinLabels(labels, REASONS[index]!), count);
          }
        }
      },
    },
    {
      name: 'headgate_stream_duration_seconds',
      help: 'Time from the choice of the route to the end of the stream.',
      type: 'histogram',
      collect: (samples) => {
        for (const { item, labels } of named) {
          const counts = durationCounts(sums, item.slot);
          if (counts.some((count) => count > 0)) {
            samples.addHistogram(labels, STREAM_DURATION_BUCKETS, counts, sums.sum(item.slot, RouteField.durationSum));
          }
        }
      },
    },
    counter('headgate_stream_received_bytes_total', 'Bytes from clients.', RouteField.requestBytes),
    counter('headgate_stream_sent_bytes_total', 'Bytes to clients.', RouteField.responseBytes),
    counter('headgate_stream_retries_total', 'Further nodes tried after a connection failed.', RouteField.retries),
  ];
}
