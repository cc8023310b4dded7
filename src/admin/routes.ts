import type { FastifyInstance } from 'fastify';
import { addDiscoveryRoutes } from './discovery-routes.ts';
import { errorBody } from './errors.ts';
import { addExplainRoute } from './explain-routes.ts';
import type { KeyGuard } from './key-guard.ts';
import { addNodeRoutes } from './node-routes.ts';
import { Paths } from './paths.ts';
import type { AdminViews } from './views.ts';

/** Paths and what they answer. */
export function addRoutes(app: FastifyInstance, views: AdminViews, mayChange: KeyGuard): void {
  const paths = new Paths(app, mayChange);
  paths.get('/healthz', (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok'));
  paths.get('/readyz', (_request, reply) => {
    const readiness = views.ready();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  paths.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await views.metrics();
    return reply.type(contentType).send(text);
  });
  paths.get('/v1/upstreams', (_request, reply) => reply.send(views.upstreams()));
  paths.get('/v1/upstreams/:id', (request, reply) => {
    const { id } = request.params as { id: string };
    const found = views.upstreams().find((upstream) => upstream.id === id);
    return found ? reply.send(found) : reply.code(404).send(errorBody('there is no upstream with this id'));
  });
  paths.get('/v1/routes', (_request, reply) => reply.send(views.routes()));
  addDiscoveryRoutes(paths, views);
  addNodeRoutes(paths, views);
  addExplainRoute(paths, views);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('there is nothing at this path')));
}
