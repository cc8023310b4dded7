import type { ConsulSettings } from '../config/types.ts';
import type { ConsulOptions } from '../discovery/consul-options.ts';
import type { Secret } from '../discovery/tls-connector.ts';

const SECOND = 1000;
/** The embedded registry is in this process and keeps as many questions waiting, and some more for others. */
const OWN_WATCHES = 4000;

/** The settings of `discovery.consul` as the adapter takes them. Without the block the embedded registry is followed. */
export function consulOptions(consul: ConsulSettings | undefined, registryUrl: string | null): ConsulOptions {
  const servers = consul ? consul.servers : [registryUrl ?? ''];
  const own = registryUrl !== null && servers.every((server) => URL.parse(server)?.origin === registryUrl);
  return {
    servers,
    token: secretOf(consul?.token, consul?.token_file),
    datacenter: consul?.datacenter ?? null,
    namespace: consul?.namespace ?? null,
    partition: consul?.partition ?? null,
    passingOnly: consul?.passing_only ?? true,
    consistency: consul?.stale === false ? 'default' : 'stale',
    cached: consul?.cached ?? false,
    defaultWeight: consul?.weight ?? 1,
    wait: (consul?.timeout.wait ?? 60) * SECOND,
    connectTimeout: (consul?.timeout.connect ?? 2) * SECOND,
    timeout: (consul?.timeout.read ?? 5) * SECOND,
    concurrency: consul?.concurrency ?? 16,
    maxWatches: own ? OWN_WATCHES : (consul?.max_watches ?? OWN_WATCHES),
    pollInterval: (consul?.poll_interval ?? 5) * SECOND,
    pollRate: consul?.poll_rate ?? 25,
  };
}

/** A token as it is written, or the file that has it; null for neither. */
export function secretOf(text: string | undefined, file: string | undefined): Secret | null {
  if (text !== undefined) return { text };
  return file === undefined ? null : { file };
}
