import { RequestError } from './request-error.ts';

export interface Found<H> {
  /** Null when the path exists for other methods only. */
  readonly handler: H | null;
  /** The rest of the path where the table leaves it open, decoded. */
  readonly id: string;
  /** The methods of the path, for the `Allow` header. */
  readonly allow: string;
}

/**
 * Finds `METHOD /path` in a table. A path there that ends in `/` takes the rest of the request's path as an id, slashes
 * included, as Consul does; an exact path goes first. Throws 404 when no method has the path.
 */
export function findRoute<H>(table: ReadonlyMap<string, H>, method: string, path: string): Found<H> {
  const own = path.endsWith('/') ? path.slice(0, -1) : path;
  const exact = inTable(table, method, own, '');
  if (exact) return exact;
  for (let slash = own.lastIndexOf('/'); slash > 0; slash = own.lastIndexOf('/', slash - 1)) {
    const found = inTable(table, method, own.slice(0, slash + 1), own.slice(slash + 1));
    if (found) return found;
  }
  if (inTable(table, method, `${own}/`, ''))
    throw new RequestError(400, `the path ${own}/ needs a name or an ID at its end`);
  throw new RequestError(404, `${path} is no path of this registry; see /v1/agent/services or /v1/catalog/services`);
}

function inTable<H>(table: ReadonlyMap<string, H>, method: string, path: string, rest: string): Found<H> | null {
  const allow = ['GET', 'PUT'].filter((name) => table.has(`${name} ${path}`));
  if (allow.length === 0) return null;
  return { handler: table.get(`${method} ${path}`) ?? null, id: decoded(rest), allow: allow.join(', ') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RequestError(400, `"${text}" in the path is not valid percent-encoding`);
  }
}
