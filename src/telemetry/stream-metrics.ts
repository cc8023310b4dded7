import type { CounterSums } from './counter-table.ts';
import { RouteField } from './counters.ts';
import { labelled } from './labelled.ts';
import type { RouteMetrics } from './metrics-source.ts';
import type { Family } from './text-format.ts';

/** TCP streams by route. */
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
    counter('headgate_stream_received_bytes_total', 'Bytes from clients.', RouteField.requestBytes),
    counter('headgate_stream_sent_bytes_total', 'Bytes to clients.', RouteField.responseBytes),
    counter('headgate_stream_retries_total', 'Further nodes tried after a connection failed.', RouteField.retries),
  ];
}
