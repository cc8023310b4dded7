import { isHost, isPort } from '../core/address.ts';
import { isObject, type JsonObject } from '../core/json.ts';
import { asObject } from './json-body.ts';
import type { Kept } from './kubernetes-collection.ts';
import type { Node } from './types.ts';

const ADDRESS_TYPES = ['IPv4', 'IPv6', 'FQDN'] as const;
export type AddressType = (typeof ADDRESS_TYPES)[number];

export function isAddressType(text: string): text is AddressType {
  return (ADDRESS_TYPES as readonly string[]).includes(text);
}

/** What is kept of an EndpointSlice: a fault, such as `has no addressType`, of one that can't be read. */
export type EndpointSlice = ReadSlice | { readonly name: string; readonly fault: string };

interface ReadSlice {
  readonly name: string;
  readonly addressType: AddressType;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

interface SlicePort {
  /** Empty for the only port of a service. */
  readonly name: string;
  /** Null where the slice stands for every port. */
  readonly port: number | null;
}

interface Endpoint {
  /** What keeps it from being read, such as `is not an object`; null when nothing does. */
  readonly fault: string | null;
  readonly host: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Identifies the pod over slices, such as those of its IPv4 and its IPv6 address; null when it is not told. */
  readonly target: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Which nodes of a service are wanted. */
export interface PortChoice {
  /** Name or number; null for the only one. */
  readonly port: string | null;
  readonly addressType: AddressType | null;
}

export interface SliceNodes {
  readonly nodes: readonly Node[];
  /** Names of ports, or numbers, to choose from when the choice fits none or, without one, several; else null. */
  readonly ports: readonly string[] | null;
  /** Endpoints that can't be used, each with the reason. */
  readonly unusable: readonly string[];
}

/**
 * Reads a slice, under `namespace/service`. Null when it belongs to no service. One that can't be read must not keep the others
 * from being followed, as long as it is known whose it is.
 */
export function readSlice(object: JsonObject, name: string): Kept<EndpointSlice> | null {
  const { labels, namespace } = asObject(object.metadata, 'the metadata of an EndpointSlice');
  const service = labels === undefined || labels === null ? undefined : asObject(labels, 'labels')[SERVICE_LABEL];
  if (typeof service !== 'string' || service === '') return null;
  return { key: `${namespace}/${service}`, value: readContent(object, name) };
}

function readContent({ addressType, ports, endpoints }: JsonObject, name: string): EndpointSlice {
  if (typeof addressType !== 'string' || !isAddressType(addressType)) {
    const stated = JSON.stringify(addressType)?.slice(0, 60);
    return { name, fault: stated === undefined ? 'has no addressType' : `has the addressType ${stated}` };
  }
  const listed = ports ?? [];
  if (!Array.isArray(listed) || !listed.every(isObject))
    return { name, fault: 'has something else than a list of ports' };
  const members = endpoints ?? [];
  if (!Array.isArray(members)) return { name, fault: 'has something else than a list of endpoints' };
  return { name, addressType, ports: listed.map(readPort), endpoints: members.map(readEndpoint) };
}

export const SERVICE_LABEL = 'kubernetes.io/service-name';

function readPort({ name, port }: JsonObject): SlicePort {
  return { name: typeof name === 'string' ? name : '', port: typeof port === 'number' ? port : null };
}

/** Conditions that are not stated: ready unless it is said otherwise, serving as it is ready, not terminating. */
function readEndpoint(value: unknown): Endpoint {
  const endpoint = objectOr(value);
  const conditions = objectOr(endpoint.conditions);
  const target = objectOr(endpoint.targetRef);
  const [host] = Array.isArray(endpoint.addresses) ? endpoint.addresses : [];
  const ready = conditions.ready !== false;
  const isRead = isObject(endpoint.conditions ?? {});
  return {
    fault: isObject(value) ? (isRead ? null : 'has conditions that are no object') : 'is not an object',
    host: typeof host === 'string' ? host : '',
    ready,
    serving: typeof conditions.serving === 'boolean' ? conditions.serving : ready,
    terminating: conditions.terminating === true,
    target: typeof target.uid === 'string' && target.uid !== '' ? target.uid : null,
    metadata: metadataOf(endpoint, target),
  };
}

function metadataOf(endpoint: JsonObject, target: JsonObject): Readonly<Record<string, string>> {
  const hints = objectOr(endpoint.hints);
  const facts: Record<string, unknown> = {
    zone: endpoint.zone,
    node: endpoint.nodeName,
    pod: target.kind === 'Pod' ? target.name : undefined,
    hostname: endpoint.hostname,
    hint_zones: namesOf(hints.forZones),
    hint_nodes: namesOf(hints.forNodes),
  };
  const texts = Object.entries(facts).filter(([, value]) => typeof value === 'string' && value !== '');
  return Object.freeze(Object.fromEntries(texts) as Record<string, string>);
}

/** Nothing is known of what is no object. */
function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** `a,b` of `[{name: a}, {name: b}]`. */
function namesOf(hints: unknown): string {
  const names = Array.isArray(hints) ? hints.map((hint) => (hint as JsonObject | null)?.name) : [];
  return names.filter((name) => typeof name === 'string').join(',');
}

interface Candidate {
  readonly endpoint: Endpoint;
  readonly addressType: AddressType;
  readonly port: number;
}

/**
 * The nodes of all slices of one service.
 *
 * An endpoint that is terminating takes no new traffic: it stays with weight 0 while it still serves, so that what has begun
 * there goes on. When nothing else is left, those that still serve take the traffic, as they do with kube-proxy: an answer
 * from a pod that is about to end is better than none.
 */
export function nodesOfSlices(
  slices: Iterable<EndpointSlice>,
  choice: PortChoice,
  weight: number,
  tags: readonly string[],
): SliceNodes {
  const candidates: Candidate[] = [];
  const unusable: string[] = [];
  const found = new PortNames();
  // In one order, whichever was changed last: of two entries for one address it is always the same that counts.
  for (const slice of [...slices].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if ('fault' in slice) {
      unusable.push(`the EndpointSlice "${slice.name}" ${slice.fault}`);
      continue;
    }
    if (slice.endpoints.length === 0) continue;
    if (choice.addressType !== null && choice.addressType !== slice.addressType) continue;
    for (const port of found.add(slice.ports, choice.port)) {
      for (const endpoint of slice.endpoints) {
        const fault = faultOf(endpoint, port);
        if (fault === null) candidates.push({ endpoint, addressType: slice.addressType, port });
        else unusable.push(`an endpoint in the EndpointSlice "${slice.name}" ${fault}`);
      }
    }
  }
  const ports = found.toChooseFrom(choice.port);
  if (ports !== null) return { nodes: [], ports, unusable };
  const chosen = onePerPod(candidates);
  const live = chosen.filter(({ endpoint }) => endpoint.ready && !endpoint.terminating);
  const ending = chosen.filter(({ endpoint }) => endpoint.serving && endpoint.terminating);
  const nodes = [
    ...live.map((candidate) => asNode(candidate, weight, tags)),
    ...ending.map((candidate) => asNode(candidate, live.length > 0 ? 0 : weight, tags)),
  ];
  return { nodes: onePerAddress(nodes), ports: null, unusable };
}

/** Which of a slice's ports are meant, and what there was to choose from. */
class PortNames {
  readonly #names = new Set<string>();
  #matched = false;

  /** The numbers of the ports that fit; `wanted` is a name, a number, or null for the only one. */
  add(ports: readonly SlicePort[], wanted: string | null): ReadonlySet<number> {
    const numbers = new Set<number>();
    const number = wanted !== null && /^\d+$/.test(wanted) ? Number(wanted) : null;
    for (const { name, port } of ports) {
      this.#names.add(name === '' ? String(port ?? 'any') : name);
      const meant = port ?? number;
      const fits = wanted === null || name === wanted || (number !== null && meant === number);
      if (fits && meant !== null) numbers.add(meant);
    }
    this.#matched ||= numbers.size > 0;
    return numbers;
  }

  /** Null when there was nothing to choose, or one thing was chosen. */
  toChooseFrom(wanted: string | null): readonly string[] | null {
    const names = [...this.#names].sort();
    const good = wanted === null ? names.length <= 1 : this.#matched || names.length === 0;
    return good ? null : names;
  }
}

function faultOf({ fault, host }: Endpoint, port: number): string | null {
  if (fault !== null) return fault;
  if (!isHost(host)) return `has the address ${JSON.stringify(host)}, which is not an IP address or a name`;
  return isPort(port) && port > 0 ? null : `has the port ${port}, which is not between 1 and 65535`;
}

/** In a dual-stack service a pod is listed by its IPv4 and its IPv6 address; it is one node, by the first. */
function onePerPod(candidates: readonly Candidate[]): readonly Candidate[] {
  const kept = new Map<string, Candidate>();
  const rank = ({ addressType }: Candidate) => ADDRESS_TYPES.indexOf(addressType);
  for (const candidate of candidates) {
    const { target } = candidate.endpoint;
    if (target === null) continue;
    const best = kept.get(target);
    if (!best || rank(candidate) < rank(best)) kept.set(target, candidate);
  }
  return candidates.filter(({ addressType, endpoint: { target } }) => {
    return target === null || kept.get(target)?.addressType === addressType;
  });
}

function asNode({ endpoint, port }: Candidate, weight: number, tags: readonly string[]): Node {
  const { host, metadata, terminating } = endpoint;
  const facts = terminating ? Object.freeze({ ...metadata, terminating: 'true' }) : metadata;
  return Object.freeze({ host, port, weight, priority: 0, metadata: facts, tags });
}

/** While an endpoint moves from one slice to another it is in both: the one that takes traffic counts. */
function onePerAddress(nodes: readonly Node[]): readonly Node[] {
  const kept = new Map<string, Node>();
  for (const node of nodes) {
    const key = `${node.host} ${node.port}`;
    if (!kept.has(key)) kept.set(key, node);
  }
  return [...kept.values()].sort((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port));
}
