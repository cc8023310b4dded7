import type { Dispatcher } from 'undici';

type Headers = NonNullable<Dispatcher.DispatchOptions['headers']>;

/** Name, value, name, value, …: the form that undici takes without a look. */
export function flatHeaders(headers: Headers | null): string[] {
  if (headers === null) return [];
  if (Array.isArray(headers)) return headers as string[];
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return entries.flatMap(([name, value]) => {
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]);
  });
}

/** The value of the first header of that name (lower case); null when there is none. */
export function headerOf(headers: Headers | null, name: string): string | null {
  const flat = flatHeaders(headers);
  for (let index = 0; index < flat.length; index += 2) {
    if (flat[index]?.toLowerCase() === name) return flat[index + 1] ?? null;
  }
  return null;
}
