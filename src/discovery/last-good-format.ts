import { isHost, isPort } from '../core/address.ts';
import { isObject } from '../core/json.ts';
import type { CatalogEntry, Node, ServiceQuery } from './types.ts';

/** What the cache file of one source holds. Times are wall-clock milliseconds. */
export interface LastGood {
  readonly sets: readonly { readonly query: ServiceQuery; readonly nodes: readonly Node[]; readonly at: number }[];
  readonly catalog: { readonly entries: readonly CatalogEntry[]; readonly at: number } | null;
}

const FORMAT = 'headgate last good sets';
const VERSION = 1;

export function encodeLastGood(content: LastGood): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...content })}\n`;
}

/** Throws a plain Error that says what is wrong when the text is not a cache file of this version. */
export function decodeLastGood(text: string): LastGood {
  const data: unknown = JSON.parse(text);
  if (!isObject(data) || data.format !== FORMAT) throw new Error('it is not a cache file of Headgate');
  if (data.version !== VERSION) throw new Error(`its version is ${JSON.stringify(data.version)}, not ${VERSION}`);
  if (!Array.isArray(data.sets) || !data.sets.every(isSet)) throw new Error('a node set in it is damaged');
  if (data.catalog !== null && !isCatalog(data.catalog)) throw new Error('the catalogue in it is damaged');
  return { sets: data.sets, catalog: data.catalog };
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((member) => typeof member === 'string');
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string');
}

function isSet(value: unknown): value is LastGood['sets'][number] {
  if (!isObject(value) || typeof value.at !== 'number' || !isObject(value.query)) return false;
  const { source, service, args } = value.query;
  if (typeof source !== 'string' || typeof service !== 'string' || !isTextRecord(args)) return false;
  return Array.isArray(value.nodes) && value.nodes.every(isNode);
}

function isNode(value: unknown): value is Node {
  if (!isObject(value) || typeof value.host !== 'string' || !isHost(value.host) || !isPort(value.port)) return false;
  return (
    typeof value.weight === 'number' &&
    value.weight >= 0 &&
    typeof value.priority === 'number' &&
    isTextRecord(value.metadata) &&
    isTexts(value.tags)
  );
}

function isCatalog(value: unknown): value is NonNullable<LastGood['catalog']> {
  if (!isObject(value) || typeof value.at !== 'number' || !Array.isArray(value.entries)) return false;
  return value.entries.every((each) => isObject(each) && typeof each.service === 'string' && isTexts(each.tags));
}
