import { labelled } from './labelled.ts';
import type { MetricsSource } from './metrics-source.ts';
import { type Family, labelText, type MetricType } from './text-format.ts';

export interface BuildInfo {
  /** Version of Headgate. */
  readonly version: string;
  /** Version of Node.js. */
  readonly node: string;
}

function single(name: string, type: MetricType, help: string, value: number): Family {
  return { name, type, help, collect: (samples) => samples.add('', value) };
}

/** Headgate itself: its configuration, its workers, its build. */
export function runtimeFamilies(source: MetricsSource, build: BuildInfo): Family[] {
  return [...configFamilies(source), ...workerFamilies(source), buildFamily(build)];
}

function configFamilies(source: MetricsSource): Family[] {
  const { lastReloadSuccessful, lastReloadAt, reloads } = source.config();
  return [
    single(
      'headgate_config_last_reload_successful',
      'gauge',
      '1 when the last attempt to load the configuration succeeded.',
      lastReloadSuccessful ? 1 : 0,
    ),
    single(
      'headgate_config_last_reload_timestamp_seconds',
      'gauge',
      'Unix time at which the configuration in force was loaded.',
      lastReloadAt / 1000,
    ),
    {
      name: 'headgate_config_reloads_total',
      type: 'counter',
      help: 'Attempts to load the configuration, the first one included.',
      collect: (samples) => {
        samples.add(labelText({ result: 'success' }), reloads.success);
        samples.add(labelText({ result: 'failure' }), reloads.failure);
      },
    },
  ];
}

function workerFamilies(source: MetricsSource): Family[] {
  const { running, restarts, lag } = source.workers();
  return [
    single('headgate_workers', 'gauge', 'Worker threads that are running.', running),
    single('headgate_worker_restarts_total', 'counter', 'Worker threads started in place of one that died.', restarts),
    {
      name: 'headgate_worker_event_loop_lag_seconds',
      type: 'gauge',
      help: 'How late the event loop was at the last report of the worker.',
      collect: (samples) => {
        const named = labelled(lag, ({ worker }) => ({ worker: String(worker) }));
        for (const { item, labels } of named) samples.add(labels, item.seconds);
      },
    },
    single(
      'headgate_access_log_dropped_total',
      'counter',
      'Access-log lines lost because they could not be written.',
      source.accessLogDropped(),
    ),
  ];
}

function buildFamily({ version, node }: BuildInfo): Family {
  return {
    name: 'headgate_build_info',
    type: 'gauge',
    help: 'Always 1; the labels tell what is running.',
    collect: (samples) => samples.add(labelText({ version, node }), 1),
  };
}
