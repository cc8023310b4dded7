import { labelled } from './labelled.ts';
import type { ServiceMetrics, SourceMetrics } from './metrics-source.ts';
import { type Family, joinLabels, labelText } from './text-format.ts';

/** What is known from registries, and how fresh it is. */
export function discoveryFamilies(services: readonly ServiceMetrics[], sources: readonly SourceMetrics[]): Family[] {
  const watched = labelled(services, serviceLabels);
  const named = labelled(sources, ({ source }) => ({ source }));
  return [
    {
      name: 'headgate_discovery_age_seconds',
      help: 'Time since the registry last confirmed the nodes; no series before its first answer.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of watched) if (item.ageSeconds !== null) samples.add(labels, item.ageSeconds);
      },
    },
    {
      name: 'headgate_discovery_nodes',
      help: 'Nodes in force.',
      type: 'gauge',
      collect: (samples) => {
        for (const { item, labels } of watched) samples.add(labels, item.nodes);
      },
    },
    {
      name: 'headgate_discovery_updates_total',
      help: 'Answers of the registry, by what became of them.',
      type: 'counter',
      collect: (samples) => {
        for (const { item, labels } of named) {
          for (const [result, count] of Object.entries(item.updates)) {
            samples.add(joinLabels(labels, labelText({ result })), count);
          }
        }
      },
    },
    {
      name: 'headgate_discovery_errors_total',
      help: 'Questions to the registry that failed.',
      type: 'counter',
      collect: (samples) => {
        for (const { item, labels } of named) samples.add(labels, item.errors);
      },
    },
  ];
}

/** One service may be watched with several filters: then `args` tells the watches apart. */
function serviceLabels({ source, service, args }: ServiceMetrics): Record<string, string> {
  const names = Object.keys(args).sort();
  const labels = { source, service };
  return names.length === 0 ? labels : { ...labels, args: names.map((name) => `${name}=${args[name]}`).join(',') };
}
