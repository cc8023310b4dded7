import type { CounterSums } from './counter-table.ts';
import { NodeField } from './counters.ts';
import { type Labelled, labelled } from './labelled.ts';
import type { NodeMetrics, UpstreamMetrics } from './metrics-source.ts';
import { OUTCOME_NAMES } from './outcome-names.ts';
import { type Family, joinLabels, labelText } from './text-format.ts';

const STATES = ['healthy', 'unhealthy', 'unknown', 'pending'] as const;
const STATE_LABELS = STATES.map((state) => labelText({ state }));
const OUTCOME_LABELS = OUTCOME_NAMES.map((outcome) => labelText({ outcome }));

/** Nodes and the upstreams that they belong to. */
export function nodeFamilies(
  upstreams: readonly UpstreamMetrics[],
  nodes: readonly NodeMetrics[],
  sums: CounterSums,
): Family[] {
  const named = labelled(nodes, ({ upstream, node }) => ({ upstream, node }));
  return [...upstreamFamilies(upstreams, named), ...stateFamilies(named), ...trafficFamilies(named, sums)];
}

function upstreamFamilies(upstreams: readonly UpstreamMetrics[], nodes: readonly Labelled<NodeMetrics>[]): Family[] {
  const named = labelled(upstreams, ({ id }) => ({ upstream: id }));
  return [
    {
      name: 'headgate_upstream_nodes',
      help: 'Nodes of the upstream, by health.',
      type: 'gauge',
      collect: (samples) => {
        const counts = countByState(nodes);
        for (const { item, labels } of named) {
          for (let state = 0; state < STATES.length; state++) {
            samples.add(joinLabels(labels, STATE_LABELS[state]!), counts.get(item.id)?.[state] ?? 0);
          }
        }
      },
    },
    {
      name: 'headgate_upstream_fail_open',
      help: '1 while nodes known to be bad are used because there are no others.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of named) samples.add(labels, item.failOpen ? 1 : 0);
      },
    },
  ];
}

function countByState(nodes: readonly Labelled<NodeMetrics>[]): Map<string, number[]> {
  const counts = new Map<string, number[]>();
  for (const { item } of nodes) {
    let states = counts.get(item.upstream);
    if (!states) counts.set(item.upstream, (states = STATES.map(() => 0)));
    states[STATES.indexOf(item.health)]! += 1;
  }
  return counts;
}

function stateFamilies(nodes: readonly Labelled<NodeMetrics>[]): Family[] {
  return [
    {
      name: 'headgate_node_health',
      help: '1 for the state that the node is in, 0 for the others.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of nodes) {
          for (let state = 0; state < STATES.length; state++) {
            samples.add(joinLabels(labels, STATE_LABELS[state]!), item.health === STATES[state] ? 1 : 0);
          }
        }
      },
    },
    {
      name: 'headgate_node_inflight',
      help: 'Requests and streams under way on the node.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of nodes) samples.add(labels, item.inflight);
      },
    },
    {
      name: 'headgate_node_ejected',
      help: '1 while outlier detection keeps the node out.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of nodes) samples.add(labels, item.ejected ? 1 : 0);
      },
    },
    {
      name: 'headgate_node_latency_seconds',
      help: 'Smoothed time to the answer; no series before the first one.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of nodes) if (item.latencyMicros > 0) samples.add(labels, item.latencyMicros / 1e6);
      },
    },
  ];
}

function trafficFamilies(nodes: readonly Labelled<NodeMetrics>[], sums: CounterSums): Family[] {
  const counter = (name: string, help: string, field: number): Family => ({
    name,
    help,
    type: 'counter',
    collect: (samples) => {
      for (const { item, labels } of nodes) samples.add(labels, sums.sum(item.slot, field));
    },
  });
  return [
    {
      name: 'headgate_node_requests_total',
      help: 'Tries on the node, by how they ended.',
      type: 'counter',
      collect: (samples) => {
        for (const { item, labels } of nodes) {
          for (let outcome = 0; outcome < OUTCOME_NAMES.length; outcome++) {
            samples.add(joinLabels(labels, OUTCOME_LABELS[outcome]!), sums.sum(item.slot, NodeField.outcome + outcome));
          }
        }
      },
    },
    counter('headgate_node_connections_total', 'Connections opened to the node.', NodeField.connects),
    counter('headgate_node_sent_bytes_total', 'Bytes sent to the node.', NodeField.sentBytes),
    counter('headgate_node_received_bytes_total', 'Bytes received from the node.', NodeField.receivedBytes),
  ];
}
