import type { InstanceRules } from './consul-answer.ts';
import type { ConsulOptions } from './consul-options.ts';
import { emptyName, QueryFault, unknownArgument } from './query-fault.ts';
import type { ServiceQuery } from './types.ts';

/** `discovery_args` of a Consul service. */
const CONSUL_ARGS = [
  ...['tag', 'datacenter', 'namespace', 'partition', 'health', 'near', 'nearest', 'node_meta', 'service_meta'],
  ...['filter', 'query'],
] as const;

type Args = Readonly<Partial<Record<(typeof CONSUL_ARGS)[number], string>>>;

/** What a prepared query states itself and can't be told. */
const NOT_WITH_QUERY = ['node_meta', 'service_meta', 'filter', 'namespace', 'partition'] as const;

/** How one service is asked for. */
export interface ConsulLookup {
  /** From `/v1` on; ends so that parameters can be appended. */
  readonly path: string;
  /** Parameters of the Enterprise version, to be appended. */
  readonly scope: string;
  /** A prepared query, which Consul answers at once: it can only be polled. */
  readonly prepared: boolean;
  readonly rules: InstanceRules;
}

/** Reads `discovery_args`. */
export function consulLookup(options: ConsulOptions, query: ServiceQuery): ConsulLookup | QueryFault {
  const fault = consulQueryFault(query);
  if (fault !== null) return fault;
  const { service } = query;
  const args: Args = query.args;
  const tags = listOf(args.tag);
  const passingOnly = args.health === undefined ? options.passingOnly : args.health === 'passing';
  const nearest = args.nearest === undefined ? null : Number(args.nearest);
  const rules = { defaultWeight: options.defaultWeight, passingOnly, nearest };
  const parameters = commonParameters(options, args.datacenter ?? options.datacenter);
  if (args.near !== undefined) parameters.set('near', args.near);
  if (args.query !== undefined) {
    const path = `/v1/query/${encodeURIComponent(args.query)}/execute?${parameters}`;
    return { path, scope: '', prepared: true, rules: { ...rules, tags: tags.map((tag) => tag.toLowerCase()) } };
  }
  // Not for a prepared query: Consul renews what it has cached of a service, but not of a query.
  if (options.cached) parameters.set('cached', '');
  if (passingOnly) parameters.set('passing', '1');
  for (const tag of tags) parameters.append('tag', tag);
  for (const pair of listOf(args.node_meta)) parameters.append('node-meta', pair);
  const filter = filterOf(args);
  if (filter !== '') parameters.set('filter', filter);
  const path = `/v1/health/service/${encodeURIComponent(service)}?${parameters}`;
  const scope = scopeOf(args.namespace ?? options.namespace, args.partition ?? options.partition);
  return { path, scope, prepared: false, rules: { ...rules, tags: [] } };
}

/** Where the catalogue is. */
export function catalogQuestion(options: ConsulOptions): { readonly path: string; readonly scope: string } {
  const path = `/v1/catalog/services?${commonParameters(options, options.datacenter)}`;
  return { path, scope: scopeOf(options.namespace, options.partition) };
}

/** Why the query can't be asked; null when it can. */
export function consulQueryFault(query: ServiceQuery): QueryFault | null {
  const args: Args = query.args;
  return (
    emptyName(query) ??
    unknownArgument(query, CONSUL_ARGS, `Consul takes ${CONSUL_ARGS.join(', ')}`) ??
    healthFault(args) ??
    nearFault(args) ??
    preparedFault(args) ??
    metaFault('node_meta', args.node_meta) ??
    metaFault('service_meta', args.service_meta)
  );
}

function healthFault({ health }: Args): QueryFault | null {
  if (health === undefined || health === 'passing' || health === 'warning') return null;
  const remedy = 'write "passing" for instances whose checks all pass, or "warning" for those that warn as well';
  return new QueryFault('health', `is "${health}"`, remedy);
}

function nearFault({ near, nearest, query }: Args): QueryFault | null {
  const many = 'how many of the nearest instances are preferred, such as "3"';
  if (nearest !== undefined && !/^[1-9]\d{0,5}$/.test(nearest)) {
    return new QueryFault('nearest', `is "${nearest}"`, `write ${many}`);
  }
  if (near !== undefined && nearest === undefined) return new QueryFault('near', 'needs nearest beside it', many);
  if (nearest === undefined || near !== undefined || query !== undefined) return null;
  return new QueryFault('nearest', 'needs near beside it', 'add it, such as "_agent"');
}

function preparedFault(args: Args): QueryFault | null {
  if (args.query === undefined) return null;
  if (args.query === '') return new QueryFault('query', 'is empty', 'give the name or the id of a prepared query');
  const misplaced = NOT_WITH_QUERY.find((key) => args[key] !== undefined);
  return misplaced === undefined
    ? null
    : new QueryFault(misplaced, "can't stand beside query", 'a prepared query has its own');
}

function metaFault(name: string, text: string | undefined): QueryFault | null {
  const wrong = listOf(text).find((pair) => !/^[A-Za-z0-9_-]{1,128}:[^`]*$/.test(pair));
  if (wrong === undefined) return null;
  const remedy = 'write "rack:a1", or several with commas between them';
  return new QueryFault(name, `has "${wrong}", which is not a key and a value`, remedy);
}

/**
 * An expression in Consul's filter language (https://github.com/hashicorp/go-bexpr). It has no way to write a quotation mark
 * between quotation marks, so values stand between back quotes, where everything else is itself.
 */
function filterOf({ filter, service_meta: meta }: Args): string {
  const conditions = listOf(meta).map((pair) => {
    const colon = pair.indexOf(':');
    return `Service.Meta["${pair.slice(0, colon)}"] == \`${pair.slice(colon + 1)}\``;
  });
  if (filter !== undefined && filter.trim() !== '') conditions.unshift(`(${filter})`);
  return conditions.join(' and ');
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function commonParameters(options: ConsulOptions, datacenter: string | null): URLSearchParams {
  const parameters = new URLSearchParams();
  if (datacenter !== null) parameters.set('dc', datacenter);
  if (options.consistency !== 'default') parameters.set(options.consistency, '');
  return parameters;
}

function scopeOf(namespace: string | null, partition: string | null): string {
  const parameters = new URLSearchParams();
  if (namespace !== null) parameters.set('ns', namespace);
  if (partition !== null) parameters.set('partition', partition);
  return parameters.size === 0 ? '' : `&${parameters}`;
}
