import type { JsonObject } from '../core/json.ts';
import { asObject } from './json-body.ts';
import type { Kept } from './kubernetes-collection.ts';
import type { CatalogEntry } from './types.ts';

/** What is kept of a Service that asks for routes. */
export interface RoutedService {
  /** As a query names it: `namespace/name:port`. */
  readonly service: string;
  /** `headgate.host=…` for the annotation `headgate.io/host: …`. */
  readonly tags: readonly string[];
}

const PREFIX = 'headgate.io/';
/** `port` chooses among the ports; a weight belongs to an instance, and would give one that ends new traffic. */
const NOT_TAGS: ReadonlySet<string> = new Set(['port', 'weight']);

/**
 * Reads a Service, under `namespace/name`. Annotations and labels that begin with `headgate.io/` are its tags; where both
 * have one, the annotation counts. Null for a Service that has none: it is not routed.
 */
export function readService(object: JsonObject, name: string): Kept<RoutedService> | null {
  const { annotations, labels } = asObject(object.metadata, 'the metadata of a Service');
  const options = new Map([...optionsOf(labels), ...optionsOf(annotations)]);
  const tags = [...options]
    .filter(([option]) => !NOT_TAGS.has(option))
    .map(([option, value]) => `headgate.${option}=${value}`);
  if (tags.length === 0) return null;
  const port = options.get('port') ?? firstPort(object.spec);
  const service = port === '' ? name : `${name}:${port}`;
  return { key: name, value: Object.freeze({ service, tags: Object.freeze(tags.sort()) }) };
}

export function catalogOf(services: Iterable<readonly [string, RoutedService]>): readonly CatalogEntry[] {
  return [...services].map(([, entry]) => entry);
}

function optionsOf(texts: unknown): [option: string, value: string][] {
  if (texts === undefined || texts === null) return [];
  return Object.entries(asObject(texts, 'annotations')).flatMap(([key, value]) =>
    key.startsWith(PREFIX) && typeof value === 'string' ? [[key.slice(PREFIX.length), value]] : [],
  );
}

/** The name of the first port; empty where it has none, as the only port of a Service may. */
function firstPort(spec: unknown): string {
  const { ports } = asObject(spec ?? {}, 'the spec of a Service');
  const [first] = Array.isArray(ports) ? ports : [];
  const name = (first as JsonObject | undefined)?.name;
  return typeof name === 'string' ? name : '';
}
