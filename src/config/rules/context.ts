import { type Finding, finding, type Path } from '../problem.ts';
import { RESOURCE_KINDS, type ResourceKind } from '../schema/document.ts';
import type { DocumentInput } from '../types.ts';
import { prune } from './prune.ts';

type ItemOf<K extends ResourceKind> = NonNullable<DocumentInput[K]>[number];

/** A resource as far as the schema takes it. */
export interface Item<T> {
  /** `id` may be absent when the resource is not `whole`. */
  readonly item: T;
  readonly path: Path;
  /** False when the schema found something wrong: then what is absent may only be misspelt. */
  readonly whole: boolean;
}

/**
 * What a rule sees of a document: only what the schema takes, so that rules need not doubt its types, and one mistake
 * does not hide the next.
 */
export class RuleContext {
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];
  readonly #document: DocumentInput;
  /** Paths of what the schema does not take, below the setting or the resource that they are in. */
  readonly #wrong = new Map<string, Path[]>();
  readonly #ids = new Map<ResourceKind, ReadonlySet<string>>();

  constructor(document: DocumentInput, schemaFindings: readonly Finding[]) {
    this.#document = document;
    for (const { path } of schemaFindings) {
      const inResource = RESOURCE_KINDS.includes(path[0] as ResourceKind) && path.length > 1;
      const depth = inResource ? 2 : 1;
      const place = path.slice(0, depth).join(' ');
      this.#wrong.set(place, [...(this.#wrong.get(place) ?? []), path.slice(depth)]);
    }
    for (const kind of RESOURCE_KINDS) this.#ids.set(kind, collectIds(document[kind]));
  }

  /** A static setting as far as the schema takes it; undefined when it is absent. */
  setting<K extends Exclude<keyof DocumentInput, ResourceKind>>(key: K): DocumentInput[K] | undefined {
    return prune(this.#document[key], this.#wrong.get(key) ?? []);
  }

  /** Whether a block is written at all, right or wrong. */
  written(...path: readonly string[]): boolean {
    let value: unknown = this.#document;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false;
      value = (value as Record<string, unknown>)[key];
    }
    return value !== undefined;
  }

  items<K extends ResourceKind>(kind: K): readonly Item<ItemOf<K>>[] {
    const list: unknown = this.#document[kind];
    if (!Array.isArray(list)) return [];
    return (list as ItemOf<K>[]).flatMap((given, index) => {
      const wrong = this.#wrong.get(`${kind} ${index}`);
      const item = prune(given, wrong ?? []);
      return item === undefined ? [] : [{ item, path: [kind, index], whole: wrong === undefined }];
    });
  }

  /** Ids of every resource of a kind, those with mistakes too. */
  ids(kind: ResourceKind): ReadonlySet<string> {
    return this.#ids.get(kind)!;
  }

  error(path: Path, message: string, hint = '', on: Finding['on'] = 'value'): void {
    this.errors.push(finding(path, message, hint, on));
  }

  warn(path: Path, message: string, hint = ''): void {
    this.warnings.push(finding(path, message, hint));
  }
}

function collectIds(list: unknown): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const item of Array.isArray(list) ? list : []) {
    const id: unknown = item?.id;
    if (typeof id === 'string' || typeof id === 'number') ids.add(String(id));
  }
  return ids;
}
