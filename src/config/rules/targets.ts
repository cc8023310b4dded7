import { nearest } from '../nearest.ts';
import { type Path, quote } from '../problem.ts';
import type { ResourceKind } from '../schema/document.ts';
import type { RuleContext } from './context.ts';

/** Above this many ids a likely one is not looked for: each of many wrong references would be compared with all. */
const MOST_COMPARED = 200;

interface Targeting {
  readonly upstream?: object;
  readonly upstream_id?: string | number;
  readonly service_id?: string | number;
}

/** Every route leads to exactly one upstream, directly or through its service, and every reference leads somewhere. */
export function checkTargets(context: RuleContext): void {
  for (const { item, path } of context.items('services')) checkReferences(context, item, path);
  const sound = context.items('services').filter(({ whole }) => whole);
  const services = new Map(sound.map(({ item }) => [String(item.id), item]));
  for (const { item, path, whole } of [...context.items('routes'), ...context.items('stream_routes')]) {
    if (!checkReferences(context, item, path) || leadsToUpstream(item) || !whole) continue;
    if (item.service_id === undefined) {
      context.error(path, 'has no upstream', 'add upstream, upstream_id or service_id');
      continue;
    }
    const service = services.get(String(item.service_id));
    if (service && !leadsToUpstream(service)) {
      const message = `neither the route nor the service ${quote(String(service.id))} has an upstream`;
      context.error([...path, 'service_id'], message, 'add upstream or upstream_id to one of them');
    }
  }
}

function leadsToUpstream(item: Targeting): boolean {
  return item.upstream !== undefined || item.upstream_id !== undefined;
}

/** True when all references of the resource can be followed. */
function checkReferences(context: RuleContext, item: Targeting, path: Path): boolean {
  if (item.upstream !== undefined && item.upstream_id !== undefined) {
    context.error([...path, 'upstream_id'], 'cannot stand beside upstream', 'keep one of the two');
  }
  const upstreamFound = checkReference(context, 'upstreams', item.upstream_id, [...path, 'upstream_id']);
  const serviceFound = checkReference(context, 'services', item.service_id, [...path, 'service_id']);
  return upstreamFound && serviceFound;
}

function checkReference(
  context: RuleContext,
  kind: ResourceKind,
  id: string | number | undefined,
  path: Path,
): boolean {
  if (id === undefined || context.ids(kind).has(String(id))) return true;
  const known = context.ids(kind);
  const meant = known.size <= MOST_COMPARED ? nearest(String(id), [...known]) : null;
  const hint = meant === null ? `add it to ${kind}` : `did you mean ${quote(meant)}?`;
  context.error(path, `there is no ${kind.slice(0, -1)} with the id ${quote(String(id))}`, hint);
  return false;
}
