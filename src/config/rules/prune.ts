import type { Path } from '../problem.ts';

/**
 * A copy of `value` without the fields that `wrong` leads into; a list goes whole when one of its entries is wrong.
 * Undefined when nothing can be used. The original stays as it is.
 */
export function prune<T>(value: T, wrong: readonly Path[]): T | undefined {
  let result: unknown = value;
  for (const path of wrong) {
    const list = path.findIndex((step) => typeof step === 'number');
    result = without(result, list < 0 ? path : path.slice(0, list));
  }
  return result as T | undefined;
}

function without(value: unknown, path: Path): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const [key, ...rest] = path;
  if (key === undefined) return undefined;
  const { [key]: member, ...others } = value as Record<string, unknown>;
  const kept = rest.length === 0 || member === undefined ? undefined : without(member, rest);
  return kept === undefined ? others : { ...others, [key]: kept };
}
