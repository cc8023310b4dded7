import { parseAddress } from '../core/address.ts';
import { reasonOf } from '../core/errors.ts';
import { readNodeAt, readNodeList } from './node-list.ts';
import type { Node } from './types.ts';
import type { WrittenService } from './written-services.ts';

/**
 * Services in a key-value store, below a prefix. A key `<service>/<host:port>` is one node, and its value is empty, the
 * weight, or an object; a key `<service>` holds a whole list. A service may have both.
 */
export class KeyedServices {
  readonly #defaultWeight: number;
  /** By service, then by key. */
  readonly #services = new Map<string, Map<string, WrittenService>>();

  constructor(defaultWeight: number) {
    this.#defaultWeight = defaultWeight;
  }

  /** Puts the value of a key, or takes it out with null. The service that it is about; null for a key that is none. */
  put(key: string, value: string | null): string | null {
    const place = placeOf(key);
    if (place === null) return null;
    const entries = this.#services.get(place.service) ?? new Map<string, WrittenService>();
    if (value === null) entries.delete(key);
    else entries.set(key, this.#read(key, place.address, value));
    if (entries.size > 0) this.#services.set(place.service, entries);
    else this.#services.delete(place.service);
    return place.service;
  }

  service(name: string): WrittenService | undefined {
    const entries = this.#services.get(name);
    return entries && merged(entries);
  }

  *services(): Iterable<readonly [string, WrittenService]> {
    for (const [name, entries] of this.#services) yield [name, merged(entries)];
  }

  /** A node that can't be read is left out like one with a bad weight; a list that can't be read is a fault. */
  #read(key: string, address: string | null, value: string): WrittenService {
    let data: unknown;
    try {
      data = value.trim() === '' ? null : JSON.parse(value);
      if (address === null) return readNodeList(data, this.#defaultWeight);
      return readNodeAt(address, data, this.#defaultWeight);
    } catch (error) {
      const reason = error instanceof SyntaxError ? 'it is not JSON' : reasonOf(error);
      if (address !== null) return { nodes: [], unusable: [`the key "${key}": ${reason}`] };
      return { fault: `the value of the key "${key}" can't be used: ${reason}` };
    }
  }
}

/** A service's name may hold slashes: what follows the last one is a node if it reads as `host:port`. */
function placeOf(key: string): { readonly service: string; readonly address: string | null } | null {
  const slash = key.lastIndexOf('/');
  const last = key.slice(slash + 1);
  if (last === '') return null;
  if (slash > 0 && parseAddress(last)) return { service: key.slice(0, slash), address: last };
  return { service: key, address: null };
}

/** In the order of the keys, so that of two entries for one address it is always the same that counts. */
function merged(entries: ReadonlyMap<string, WrittenService>): WrittenService {
  const nodes: Node[] = [];
  const unusable: string[] = [];
  for (const [, entry] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if ('fault' in entry) return entry;
    nodes.push(...entry.nodes);
    unusable.push(...entry.unusable);
  }
  return { nodes, unusable };
}
