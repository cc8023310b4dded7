import { formatPath, type Path, quote } from '../problem.ts';
import { RESOURCE_KINDS } from '../schema/document.ts';
import type { RuleContext } from './context.ts';

/** Ids are unique within a kind. 1 and "1" are the same id. */
export function checkIds(context: RuleContext): void {
  for (const kind of RESOURCE_KINDS) {
    const first = new Map<string, Path>();
    for (const { item, path } of context.items(kind)) {
      if (item.id === undefined) continue;
      const id = String(item.id);
      const other = first.get(id);
      if (other) context.error([...path, 'id'], `the id ${quote(id)} is already that of ${formatPath(other)}`);
      else first.set(id, path);
    }
  }
}
