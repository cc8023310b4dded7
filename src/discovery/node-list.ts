import { isHost, isPort, parseAddress } from '../core/address.ts';
import { isObject, type JsonObject } from '../core/json.ts';
import { factsInTags, priorityIn, weightIn } from './routing-facts.ts';
import type { CatalogEntry, Node } from './types.ts';

/** Nodes that somebody has written down, and what of it can't be used, each with the reason. */
export interface WrittenNodes {
  readonly nodes: readonly Node[];
  readonly unusable: readonly string[];
}

const MAX_WEIGHT = 1_000_000;
const MAX_PRIORITY = 1_000;

/**
 * Reads a list of nodes as people and programs write them. An item is a text `host:port`, an object `{host, port, weight,
 * priority, metadata, tags}` of which the first two are needed, or a group of Prometheus' file_sd, `{targets, labels}`. In
 * place of the list there may be a map from `host:port` to the weight or to such an object. Throws a plain Error when it is
 * none of these; an item that can't be used is left out and reported.
 */
export function readNodeList(data: unknown, defaultWeight: number): WrittenNodes {
  const collected = new NodeCollector(defaultWeight);
  if (Array.isArray(data)) for (const [index, item] of data.entries()) collected.item(item, `item ${index + 1}`);
  else if (isObject(data)) for (const [address, value] of Object.entries(data)) collected.at(address, value);
  else throw new Error('it is neither a list of nodes nor a map from "host:port" to weight');
  return collected;
}

/** Reads what is written of one node at an address: nothing, its weight, or an object. */
export function readNodeAt(address: string, data: unknown, defaultWeight: number): WrittenNodes {
  const collected = new NodeCollector(defaultWeight);
  collected.at(address, data);
  return collected;
}

/** The service with what its nodes say about routes: a label `headgate_host` is the tag `headgate.host=…`. */
export function catalogEntryOf(service: string, nodes: readonly Node[]): CatalogEntry {
  const tags = new Set<string>();
  for (const node of nodes) {
    for (const tag of node.tags) tags.add(tag);
    for (const [key, value] of Object.entries(node.metadata)) {
      const option = /^headgate[._-](.+)$/i.exec(key)?.[1];
      if (option !== undefined) tags.add(`headgate.${option}=${value}`);
    }
  }
  return { service, tags: [...tags].sort() };
}

class NodeCollector implements WrittenNodes {
  readonly nodes: Node[] = [];
  readonly unusable: string[] = [];
  readonly #defaultWeight: number;

  constructor(defaultWeight: number) {
    this.#defaultWeight = defaultWeight;
  }

  item(item: unknown, place: string): void {
    if (typeof item === 'string') this.at(item, {});
    else if (isObject(item) && 'targets' in item) this.#group(item, place);
    else if (isObject(item) && 'host' in item) this.#node(item.host, item.port, item, place);
    else this.unusable.push(`${place} has neither targets nor a host`);
  }

  at(address: string, value: unknown): void {
    const place = JSON.stringify(address);
    const parsed = parseAddress(address);
    if (!parsed) return void this.unusable.push(`${place} is not a "host:port"`);
    if (value === null || value === '') return this.#node(parsed.host, parsed.port, {}, place);
    const fields = typeof value === 'number' ? { weight: value } : value;
    if (!isObject(fields)) return void this.unusable.push(`${place} is given neither a weight nor an object`);
    this.#node(parsed.host, parsed.port, fields, place);
  }

  /** The labels `weight` and `priority` mean what they say; the others are metadata. */
  #group(group: JsonObject, place: string): void {
    const { targets, labels = {} } = group;
    if (!Array.isArray(targets)) return void this.unusable.push(`${place}: targets is not a list`);
    if (!isObject(labels ?? {})) return void this.unusable.push(`${place}: labels is not a map`);
    const { weight, priority, ...metadata } = (labels ?? {}) as JsonObject;
    const fields = { weight: numberIn(weight), priority: numberIn(priority), metadata };
    for (const target of targets) {
      const address = typeof target === 'string' ? parseAddress(target) : null;
      if (address) this.#node(address.host, address.port, fields, `the target ${JSON.stringify(target)}`);
      else this.unusable.push(`${place}: the target ${JSON.stringify(target)} is not a "host:port"`);
    }
  }

  #node(host: unknown, port: unknown, fields: JsonObject, place: string): void {
    const { metadata = {}, tags = [] } = fields;
    const fault = (text: string) => void this.unusable.push(`${place} ${text}`);
    if (typeof host !== 'string' || !isHost(host)) return fault('has a host that is not an IP address or a name');
    if (!isPort(port) || port === 0) return fault('has a port that is not between 1 and 65535');
    if (!isObject(metadata)) return fault('has metadata that are not a map');
    if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string'))
      return fault('has tags that are not texts');
    const facts = Object.freeze({ ...Object.fromEntries(factsInTags(tags)), ...textsOf(metadata) });
    const { weight = weightIn(facts, this.#defaultWeight), priority = priorityIn(facts) } = fields;
    if (!isIntegerIn(weight, 0, MAX_WEIGHT))
      return fault(`has a weight that is not a whole number up to ${MAX_WEIGHT}`);
    if (!isIntegerIn(priority, -MAX_PRIORITY, MAX_PRIORITY)) {
      return fault(`has a priority that is not a whole number up to ${MAX_PRIORITY}`);
    }
    this.nodes.push(Object.freeze({ host, port, weight, priority, metadata: facts, tags: Object.freeze([...tags]) }));
  }
}

/** Labels are texts: `"3"` is 3. */
function numberIn(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,9}$/.test(value) ? Number(value) : value;
}

function isIntegerIn(value: unknown, minimum: number, maximum: number): value is number {
  return Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
}

function textsOf(fields: JsonObject): Record<string, string> {
  const plain = Object.entries(fields).filter(
    ([key, value]) => key !== '__proto__' && ['string', 'number', 'boolean'].includes(typeof value),
  );
  return Object.fromEntries(plain.map(([key, value]) => [key, String(value)]));
}
