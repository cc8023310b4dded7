import { formatAddress, isHost, parseAddress } from '../../core/address.ts';
import { queryFault } from '../../discovery/query-check.ts';
import { type Path, quote } from '../problem.ts';
import type { DocumentInput } from '../types.ts';
import { checkBalancing } from './balancing.ts';
import type { RuleContext } from './context.ts';

type InlineUpstream = NonNullable<NonNullable<DocumentInput['routes']>[number]['upstream']>;
type NodeSource = Pick<InlineUpstream, 'nodes' | 'discovery_args' | (typeof REGISTRY_KEYS)[number]>;

const REGISTRY_KEYS = ['service_name', 'discovery_type'] as const;

/** Upstreams know where their nodes come from, and fixed nodes have an address each. */
export function checkUpstreams(context: RuleContext): void {
  for (const { item, path, whole } of context.items('upstreams')) checkUpstream(context, item, path, whole);
  for (const kind of ['services', 'routes', 'stream_routes'] as const) {
    for (const { item, path, whole } of context.items(kind)) {
      if (item.upstream) checkUpstream(context, item.upstream, [...path, 'upstream'], whole);
    }
  }
}

function checkUpstream(context: RuleContext, upstream: InlineUpstream, path: Path, whole: boolean): void {
  if (upstream.sources === undefined) {
    checkSource(context, upstream, path, whole);
  } else {
    checkAlone(context, upstream, ['nodes', ...REGISTRY_KEYS, 'discovery_args'], 'sources', path);
    upstream.sources.forEach((source, index) => {
      checkSource(context, source, [...path, 'sources', index], whole);
    });
  }
  checkBalancing(context, upstream, path, whole);
  checkLimit(context, upstream, path, whole);
  if (whole && upstream.pass_host === 'rewrite' && upstream.upstream_host === undefined) {
    context.error([...path, 'pass_host'], '"rewrite" needs upstream_host', 'add upstream_host');
  }
}

function checkLimit(context: RuleContext, { node_limit: limit }: InlineUpstream, path: Path, whole: boolean): void {
  if (!limit) return;
  const place = [...path, 'node_limit'];
  if (limit.max !== undefined && limit.adaptive !== undefined) {
    context.error([...place, 'max'], 'cannot stand beside adaptive', 'keep one of the two');
  } else if (whole && limit.max === undefined && limit.adaptive === undefined) {
    context.error(place, 'says nothing', 'give max or adaptive');
  }
  const { min = 4, max = 1000 } = limit.adaptive ?? {};
  if (min > max) context.error([...place, 'adaptive', 'min'], 'is above max', 'lower it, or raise max');
}

function checkSource(context: RuleContext, source: NodeSource, path: Path, whole: boolean): void {
  if (source.nodes !== undefined) checkAlone(context, source, REGISTRY_KEYS, 'nodes', path);
  else if (whole) checkService(context, source, path);
  if (source.nodes === undefined && whole) checkQuery(context, source, path);
  if (source.discovery_type !== undefined) checkRegistry(context, source.discovery_type, path);
  if (Array.isArray(source.nodes)) checkNodeList(context, source.nodes, [...path, 'nodes']);
  else if (source.nodes) checkNodeMap(context, source.nodes as Record<string, number>, [...path, 'nodes']);
}

/** Ways to say where nodes come from do not mix: several places go into `sources`. */
function checkAlone(
  context: RuleContext,
  source: NodeSource,
  others: readonly (keyof NodeSource)[],
  beside: string,
  path: Path,
): void {
  const hint =
    beside === 'nodes' ? 'keep one of the two, or make both entries of sources' : 'make it an entry of sources';
  for (const key of others) {
    if (source[key] !== undefined) context.error([...path, key], `cannot stand beside ${beside}`, hint);
  }
}

function checkService(context: RuleContext, source: NodeSource, path: Path): void {
  const { service_name: service, discovery_type: type } = source;
  if (service === undefined && type === undefined) {
    context.error(path, 'has no nodes', 'add nodes, or service_name and discovery_type');
  } else if (service === undefined) {
    context.error([...path, 'discovery_type'], 'needs service_name', 'add service_name');
  } else if (type === undefined) {
    context.error([...path, 'service_name'], 'needs discovery_type', 'it names the registry that knows the service');
  }
}

/** The registry would take the question: what it would refuse later, nobody would notice before there is traffic. */
function checkQuery(context: RuleContext, source: NodeSource, path: Path): void {
  const { service_name: service, discovery_type: type, discovery_args: args = {} } = source;
  if (service === undefined || type === undefined) return;
  const fault = queryFault({ source: type, service, args });
  if (fault === null) return;
  const place = fault.argument === null ? ['service_name'] : ['discovery_args', fault.argument];
  context.error([...path, ...place], fault.what, fault.remedy);
}

/** The embedded registry is one of type consul. */
function checkRegistry(context: RuleContext, type: string, path: Path): void {
  if (context.written('discovery', type) || (type === 'consul' && context.written('registry'))) return;
  const hint = type === 'consul' ? 'add discovery.consul, or registry for the embedded one' : `add discovery.${type}`;
  context.error([...path, 'discovery_type'], `${quote(type)} has no settings under discovery`, hint);
}

function checkNodeList(context: RuleContext, nodes: readonly { host: string; port: number }[], path: Path): void {
  const seen = new Set<string>();
  nodes.forEach((node, index) => {
    if (!isHost(node.host)) {
      const hint = /:\d+$/.test(node.host) ? 'give the port in port' : 'IPv6 goes without brackets';
      context.error([...path, index, 'host'], `${quote(node.host)} is not a host name or an IP address`, hint);
    }
    const address = formatAddress(node);
    if (seen.has(address)) context.error([...path, index], `the node ${quote(address)} is listed twice`);
    seen.add(address);
  });
}

function checkNodeMap(context: RuleContext, nodes: Readonly<Record<string, number>>, path: Path): void {
  for (const key of Object.keys(nodes)) {
    const address = parseAddress(key);
    if (address !== null && address.port > 0) continue;
    const hint = isHost(key) && !key.includes(':') ? 'add the port' : 'IPv6 goes in brackets: "[2001:db8::1]:80"';
    context.error([...path, key], `${quote(key)} is not a "host:port"`, hint, 'key');
  }
}
