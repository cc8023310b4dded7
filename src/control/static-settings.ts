import { RESOURCE_KINDS } from '../config/schema/document.ts';
import type { Document } from '../config/types.ts';
import { sameData } from '../core/json.ts';

/** Keys of the configuration that differ but are read at the start only. */
export function staticChanges(before: Document, after: Document): string[] {
  const dynamic: readonly string[] = [...RESOURCE_KINDS, 'zone'];
  const keys = Object.keys({ ...before, ...after }) as (keyof Document)[];
  return keys.filter((key) => !dynamic.includes(key) && !sameData(before[key], after[key]));
}
