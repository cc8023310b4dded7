import type { CounterSums } from './counter-table.ts';
import { ListenerField, openConnections } from './counters.ts';
import { labelled } from './labelled.ts';
import type { ListenerMetrics } from './metrics-source.ts';
import type { Family, MetricType } from './text-format.ts';

/** Client connections by listener, HTTP and stream alike. */
export function listenerFamilies(listeners: readonly ListenerMetrics[], sums: CounterSums): Family[] {
  const named = labelled(listeners, ({ name }) => ({ listener: name }));
  const family = (name: string, type: MetricType, help: string, value: (slot: number) => number): Family => ({
    name: `headgate_${name}`,
    type,
    help,
    collect: (samples) => {
      for (const { item, labels } of named) samples.add(labels, value(item.slot));
    },
  });
  const counter = (name: string, help: string, field: number) =>
    family(name, 'counter', help, (slot) => sums.sum(slot, field));
  return [
    counter('listener_connections_total', 'Connections accepted.', ListenerField.accepted),
    family('listener_connections', 'gauge', 'Connections open now.', (slot) => openConnections(sums, slot)),
    refusedFamily(listeners, sums),
    counter('listener_requests_total', 'Requests read.', ListenerField.requests),
    counter(
      'listener_bad_requests_total',
      'Requests refused because they were not valid HTTP.',
      ListenerField.badRequests,
    ),
    counter('listener_received_bytes_total', 'Bytes from clients.', ListenerField.receivedBytes),
    counter('listener_sent_bytes_total', 'Bytes to clients.', ListenerField.sentBytes),
    counter('upgrades_total', 'Requests that became a tunnel, such as WebSocket.', ListenerField.upgrades),
    counter('listener_evicted_total', 'UDP sessions ended early to make room for others.', ListenerField.evicted),
    counter(
      'listener_dropped_total',
      'Datagrams that did not leave: too long a queue, too large, or the system refused them.',
      ListenerField.dropped,
    ),
  ];
}

/** Why a connection was closed before it was served. */
const REFUSALS = [
  ['limit', ListenerField.refused],
  ['source_limit', ListenerField.refusedSource],
  ['route', ListenerField.refusedRoute],
  ['node', ListenerField.refusedNode],
  ['proxy_protocol', ListenerField.refusedProxy],
  ['tls', ListenerField.refusedTls],
] as const;

function refusedFamily(listeners: readonly ListenerMetrics[], sums: CounterSums): Family {
  const reasons = listeners.flatMap(({ name, slot }) =>
    REFUSALS.map(([reason, field]) => ({ name, slot, reason, field })),
  );
  const named = labelled(reasons, ({ name, reason }) => ({ listener: name, reason }));
  return {
    name: 'headgate_listener_refused_total',
    type: 'counter',
    help: 'Connections closed before they were served, by reason.',
    collect: (samples) => {
      for (const { item, labels } of named) samples.add(labels, sums.sum(item.slot, item.field));
    },
  };
}
