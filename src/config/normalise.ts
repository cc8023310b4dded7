import { parseAddress } from '../core/address.ts';
import { fill } from './fill.ts';
import { documentSchema } from './schema/document.ts';
import type { Filled } from './schema/field.ts';
import { shapeOf } from './shape.ts';
import type {
  ConfigNode,
  Document,
  DocumentInput,
  InlineUpstream,
  ListenSettings,
  Route,
  Service,
  Ssl,
  StreamRoute,
  Upstream,
} from './types.ts';

type FilledDocument = Filled<typeof documentSchema>;
type Given<K extends 'routes' | 'services' | 'upstreams' | 'stream_routes' | 'ssls'> = FilledDocument[K][number];
type GivenInline = NonNullable<Given<'routes'>['upstream']>;
type GivenNodes = NonNullable<GivenInline['nodes']>;

/** The one shape that the rest of the program reads, from a valid document. Frozen all the way down. */
export function normalise(input: DocumentInput): Document {
  const filled = fill(shapeOf(documentSchema), input) as FilledDocument;
  return deepFreeze({
    ...filled,
    discovery: discovery(filled, input),
    listen: filled.listen.map(listener),
    routes: filled.routes.map(route),
    services: filled.services.map(service),
    upstreams: filled.upstreams.map(upstream),
    stream_routes: filled.stream_routes.map(streamRoute),
    ssls: filled.ssls.map(ssl),
  });
}

function listener(given: FilledDocument['listen'][number]): ListenSettings {
  return typeof given === 'string' ? { address: given } : given;
}

/** Whoever runs the embedded registry means that one, unless other servers are named. */
function discovery({ discovery: given, registry }: FilledDocument, input: DocumentInput): FilledDocument['discovery'] {
  if (!registry || !given.consul || input.discovery?.consul?.servers) return given;
  return { ...given, consul: { ...given.consul, servers: [`http://${registry.address}`] } };
}

function upstream({ id, ...given }: Given<'upstreams'>): Upstream {
  return { id: String(id), ...inlineUpstream(given) };
}

function inlineUpstream({ sources, ...given }: GivenInline): InlineUpstream {
  const upstream = withNodeList(given);
  return sources === undefined ? upstream : { ...upstream, sources: sources.map(withNodeList) };
}

function withNodeList<T extends { readonly nodes?: GivenNodes }>({ nodes, ...given }: T) {
  return nodes === undefined ? given : { ...given, nodes: nodeList(nodes) };
}

function nodeList(nodes: GivenNodes): readonly ConfigNode[] {
  if (Array.isArray(nodes)) return nodes as readonly ConfigNode[];
  return Object.entries(nodes as Readonly<Record<string, number>>).flatMap(([text, weight]) => {
    const address = parseAddress(text);
    return address ? [{ ...address, weight, priority: 0, metadata: {} }] : [];
  });
}

interface GivenTarget {
  readonly upstream?: GivenInline;
  readonly upstream_id?: string | number;
  readonly service_id?: string | number;
}

function target(given: GivenTarget) {
  return {
    ...(given.upstream === undefined ? {} : { upstream: inlineUpstream(given.upstream) }),
    ...(given.upstream_id === undefined ? {} : { upstream_id: String(given.upstream_id) }),
    ...(given.service_id === undefined ? {} : { service_id: String(given.service_id) }),
  };
}

/** The list, or the single value written in its place. */
function listed(one: string | undefined, many: readonly string[] | undefined): readonly string[] {
  return many ?? (one === undefined ? [] : [one]);
}

function lower(hosts: readonly string[]): readonly string[] {
  return [...new Set(hosts.map((host) => host.toLowerCase()))];
}

function route(given: Given<'routes'>): Route {
  const {
    id,
    uri,
    uris,
    host,
    hosts,
    remote_addr,
    remote_addrs,
    upstream: _,
    upstream_id: __,
    service_id: ___,
    ...rest
  } = given;
  return {
    id: String(id),
    ...rest,
    uris: listed(uri, uris),
    hosts: lower(listed(host, hosts)),
    remote_addrs: listed(remote_addr, remote_addrs),
    ...target(given),
  };
}

function service(given: Given<'services'>): Service {
  const { id, hosts, upstream: _, upstream_id: __, ...rest } = given;
  return { id: String(id), ...rest, hosts: lower(hosts ?? []), ...target(given) };
}

function streamRoute(given: Given<'stream_routes'>): StreamRoute {
  const { id, remote_addr, remote_addrs, sni, snis, upstream: _, upstream_id: __, service_id: ___, ...rest } = given;
  return {
    id: String(id),
    ...rest,
    remote_addrs: listed(remote_addr, remote_addrs),
    snis: lower(listed(sni, snis)),
    ...target(given),
  };
}

function ssl({ id, sni, snis, ...rest }: Given<'ssls'>): Ssl {
  return { id: String(id), ...rest, snis: lower(listed(sni, snis)) };
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
