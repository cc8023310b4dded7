import { isHost, isPort } from '../core/address.ts';
import { answerError } from './json-body.ts';
import { factsInTags, priorityIn, weightIn } from './routing-facts.ts';
import type { CatalogEntry, Node } from './types.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** The nodes of an answer, and the instances that can't be used, each with the reason. */
export interface ParsedNodes {
  readonly nodes: readonly Node[];
  readonly unusable: readonly string[];
}

/** What is to be made of an instance, and which of them count. */
export interface InstanceRules {
  /** Weight of an instance that registered none. */
  readonly defaultWeight: number;
  /** False also takes instances whose checks warn. Critical ones never come in. */
  readonly passingOnly: boolean;
  /** An instance must have all of these; in lower case, as Consul compares them. */
  readonly tags: readonly string[];
  /** Of a list that begins with the nearest: so many keep their priority, the others get one less. Null for all. */
  readonly nearest: number | null;
}

/** Consul allows no more in DNS either; it bounds what a balancer has to deal with. */
const MAX_WEIGHT = 65_535;

/**
 * Reads the answer of `/v1/health/service/:name`. Critical instances are left out, and others that `rules` do not want.
 *
 * Throws DISCOVERY_ANSWER when it does not have the shape of Consul's, or when it has instances and none can be used. One
 * unusable instance among good ones is left out and reported: it must not keep the others from being followed.
 */
export function parseHealth(body: unknown, rules: InstanceRules): ParsedNodes {
  if (!Array.isArray(body)) throw answerError(`answered without a list of instances: it is ${describe(body)}`);
  const found: { readonly id: string; readonly node: Node }[] = [];
  const unusable: string[] = [];
  for (const [position, entry] of body.entries()) {
    const instance = asInstance(entry, position);
    if (typeof instance === 'string') {
      unusable.push(instance);
      continue;
    }
    if (instance.status === 'critical' || (rules.passingOnly && instance.status === 'warning')) continue;
    const node = asNode(instance, rules.defaultWeight);
    if (typeof node === 'string') unusable.push(`instance "${instance.id}" ${node}`);
    else if (hasTags(node, rules.tags)) found.push({ id: instance.id, node });
  }
  if (found.length === 0 && unusable.length > 0)
    throw answerError(`answered with no instance that can be used: ${unusable[0]}`);
  const nodes = mergeTwins(found);
  return { nodes: rules.nearest === null ? nodes : preferNearest(nodes, found, rules.nearest), unusable };
}

/**
 * Reads the answer of `/v1/query/:query/execute`: the same list, inside an object. Null is what the client makes of a query
 * that is not there: that is a fault of the configuration or of Consul, and no empty set.
 */
export function parsePreparedQuery(body: unknown, rules: InstanceRules): ParsedNodes {
  if (body === null) throw answerError('knows no prepared query of this name: see discovery_args.query');
  if (!isObject(body)) throw answerError(`answered without the result of a query: it is ${describe(body)}`);
  return parseHealth(body.Nodes, rules);
}

/** Reads the answer of `/v1/catalog/services`. Consul's own service is left out: it is not one to route to. */
export function parseCatalog(body: unknown): readonly CatalogEntry[] {
  if (!isObject(body)) throw answerError(`answered without an object of services: it is ${describe(body)}`);
  const entries: CatalogEntry[] = [];
  for (const [service, tags] of Object.entries(body)) {
    if (service === 'consul') continue;
    const read = asTags(tags);
    if (read === null)
      throw answerError(`answered something odd: service "${service}": the tags are not a list of texts`);
    entries.push({ service, tags: read });
  }
  return entries;
}

interface Instance {
  readonly id: string;
  readonly service: JsonObject;
  readonly node: JsonObject;
  readonly status: 'passing' | 'warning' | 'critical';
}

/** A text says what is wrong with it. */
function asInstance(entry: unknown, position: number): Instance | string {
  if (!isObject(entry) || !isObject(entry.Service)) return `entry ${position} has no "Service" object`;
  const { Service: service, Node: node, Checks: checks } = entry;
  const id = typeof service.ID === 'string' ? service.ID : `#${position}`;
  const status = worstStatus(checks);
  if (status === null) return `instance "${id}" has no list of checks: it is ${describe(checks)}`;
  return { id, service, node: isObject(node) ? node : {}, status };
}

/** The worst of the checks, as Consul itself counts it: maintenance mode is a critical check. Null for what is no list. */
function worstStatus(checks: unknown): Instance['status'] | null {
  if (checks === undefined || checks === null) return 'passing';
  if (!Array.isArray(checks)) return null;
  let worst: Instance['status'] = 'passing';
  for (const check of checks) {
    const status = isObject(check) ? check.Status : undefined;
    if (status === 'warning') worst = 'warning';
    else if (status !== 'passing') return 'critical';
  }
  return worst;
}

function asNode(instance: Instance, defaultWeight: number): Node | string {
  const { service, node } = instance;
  const host = service.Address || node.Address;
  if (typeof host !== 'string' || !isHost(host))
    return `has the address ${describe(host)}, which is not an IP address or a name`;
  if (service.Port === 0) return 'is registered without a port';
  if (!isPort(service.Port)) return `has the port ${describe(service.Port)}, which is not between 1 and 65535`;
  const tags = asTags(service.Tags);
  if (tags === null) return 'has tags that are not a list of texts';
  const metadata = metadataOf(service, node, tags);
  return Object.freeze({
    host,
    port: service.Port,
    weight: weightOf(service.Weights, instance.status, weightIn(metadata, defaultWeight)),
    priority: priorityIn(metadata),
    metadata: Object.freeze(metadata),
    tags: Object.freeze(tags),
  });
}

/** Consul fills in 1 and 1 for an instance that registers no weights. */
function weightOf(weights: unknown, status: Instance['status'], otherwise: number): number {
  if (!isObject(weights)) return otherwise;
  const { Passing: passing, Warning: warning } = weights;
  if (passing === 1 && (warning === 1 || warning === undefined)) return otherwise;
  const weight = status === 'warning' ? warning : passing;
  if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) return otherwise;
  return Math.min(MAX_WEIGHT, Math.floor(weight));
}

/** Keys of a machine's metadata that say nothing of its services: Consul's own, and what asks for routes. */
const NOT_FROM_MACHINE = /^(?:consul|headgate)[._-]/i;

/**
 * The instance's own metadata; what they do not say is taken from its tags such as `version=2`, then from the metadata of its
 * machine, and what none of them says from the datacentre and the name of the machine. A machine can't ask for routes in the name of all its services.
 */
function metadataOf(service: JsonObject, node: JsonObject, tags: readonly string[]): Record<string, string> {
  const metadata = new Map<string, string>();
  if (typeof node.Datacenter === 'string') metadata.set('datacenter', node.Datacenter);
  if (typeof node.Node === 'string') metadata.set('node', node.Node);
  for (const [key, value] of textsOf(node.Meta)) {
    if (!NOT_FROM_MACHINE.test(key)) metadata.set(key, value);
  }
  for (const [key, value] of factsInTags(tags)) metadata.set(key, value);
  for (const [key, value] of textsOf(service.Meta)) metadata.set(key, value);
  return Object.fromEntries(metadata);
}

function textsOf(meta: unknown): [string, string][] {
  const entries = Object.entries(isObject(meta) ? meta : {});
  return entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[0] !== '__proto__');
}

function hasTags({ tags }: Node, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.every((tag) => tags.some((own) => own.toLowerCase() === tag));
}

/** Null for what is no list of texts. */
function asTags(tags: unknown): string[] | null {
  if (tags === null || tags === undefined) return [];
  return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? tags : null;
}

/** Instances with one address are one node: the first by id, with the tags of all. The registry's order does not matter. */
function mergeTwins(found: readonly { readonly id: string; readonly node: Node }[]): readonly Node[] {
  const nodes = new Map<string, Node>();
  const byId = found.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  for (const { node } of byId) {
    const key = addressOf(node);
    const twin = nodes.get(key);
    const extra = twin ? node.tags.filter((tag) => !twin.tags.includes(tag)) : [];
    if (!twin) nodes.set(key, node);
    else if (extra.length > 0)
      nodes.set(key, Object.freeze({ ...twin, tags: Object.freeze([...twin.tags, ...extra]) }));
  }
  return [...nodes.values()].sort((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port));
}

/** `found` is in the order of the answer. */
function preferNearest(
  nodes: readonly Node[],
  found: readonly { readonly node: Node }[],
  nearest: number,
): readonly Node[] {
  const near = new Set<string>();
  for (const { node } of found) {
    if (near.size >= nearest) break;
    near.add(addressOf(node));
  }
  return nodes.map((node) =>
    near.has(addressOf(node)) ? node : Object.freeze({ ...node, priority: node.priority - 1 }),
  );
}

function addressOf({ host, port }: Node): string {
  return `${host} ${port}`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
}
