import type { FastifyReply } from 'fastify';
import type { DiscoveryViews, ReleaseRequest } from './discovery-views.ts';
import { errorBody } from './errors.ts';
import type { Paths } from './paths.ts';

/** A time as people and programs write it: ISO 8601, or seconds since the Unix epoch. Null when it is neither. */
export function readTime(text: unknown): number | null {
  if (typeof text !== 'string' || text === '') return null;
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(time) ? time : null;
}

/** What registries say, what the guard holds, and what changed when. */
export function addDiscoveryRoutes(paths: Paths, views: DiscoveryViews): void {
  paths.get('/v1/discovery', (_request, reply) => reply.send(views.discovery()));
  paths.post('/v1/discovery/release', (request, reply) => {
    const wanted = readRelease(request.body);
    if (typeof wanted === 'string') return reply.code(400).send(errorBody(wanted));
    return views.release(wanted)
      ? reply.send({ released: true })
      : reply.code(404).send(errorBody('the guard holds nothing back there; GET /v1/discovery shows what it holds'));
  });
  paths.get('/v1/history', (request, reply) => {
    const { from, to } = request.query as Record<string, unknown>;
    return sendChanges(reply, views, null, from, to);
  });
  paths.get('/v1/upstreams/:id/history', (request, reply) => {
    const { id } = request.params as { id: string };
    const { at, from, to } = request.query as Record<string, unknown>;
    if (at === undefined) return sendChanges(reply, views, id, from, to);
    const time = readTime(at);
    if (time === null) return reply.code(400).send(errorBody(`at: ${TIME_FORMAT}`));
    const nodes = views.nodesAt(id, time);
    if (nodes === null) return reply.code(404).send(errorBody('nothing is remembered of this upstream at that time'));
    return reply.send({ upstream: id, at: new Date(time).toISOString(), nodes });
  });
}

const TIME_FORMAT = 'write a time as 2026-01-31T12:00:00Z or as seconds since 1970';

function sendChanges(reply: FastifyReply, views: DiscoveryViews, upstream: string | null, from: unknown, to: unknown) {
  const start = from === undefined ? 0 : readTime(from);
  const end = to === undefined ? Number.MAX_SAFE_INTEGER : readTime(to);
  if (start === null || end === null) {
    return reply.code(400).send(errorBody(`${start === null ? 'from' : 'to'}: ${TIME_FORMAT}`));
  }
  return reply.send(views.changes(upstream, start, end));
}

/** The request, or what is wrong with it. */
function readRelease(body: unknown): ReleaseRequest | string {
  const { source, service = null, args = {} } = (body ?? {}) as Record<string, unknown>;
  if (typeof source !== 'string') return 'source: name the discovery type, such as "consul"';
  if (service !== null && typeof service !== 'string')
    return 'service: name a service, or leave it out for the catalogue';
  const isMap =
    typeof args === 'object' && args !== null && Object.values(args).every((value) => typeof value === 'string');
  if (!isMap) return 'args: give the discovery_args of the watch as a map of texts';
  return { source, service, args: args as Record<string, string> };
}
