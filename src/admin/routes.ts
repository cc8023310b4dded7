import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { errorBody } from './errors.ts';
import type { AdminViews } from './views.ts';

/** Paths and what they answer. HEAD comes with each GET; other methods are answered with 405. */
export function addRoutes(app: FastifyInstance, views: AdminViews): void {
  const get = (url: string, handler: RouteHandlerMethod) => {
    app.get(url, handler);
    refuseOtherMethods(app, url);
  };
  get('/healthz', (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok'));
  get('/readyz', (_request, reply) => {
    const readiness = views.ready();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  get('/metrics', async (_request, reply) => {
    const { contentType, text } = await views.metrics();
    return reply.type(contentType).send(text);
  });
  get('/v1/upstreams', (_request, reply) => reply.send(views.upstreams()));
  get('/v1/upstreams/:id', (request, reply) => {
    const { id } = request.params as { id: string };
    const found = views.upstreams().find((upstream) => upstream.id === id);
    return found ? reply.send(found) : reply.code(404).send(errorBody('there is no upstream with this id'));
  });
  get('/v1/routes', (_request, reply) => reply.send(views.routes()));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('there is nothing at this path')));
}

/** In `onRequest`, so that no body is read first. */
function refuseOtherMethods(app: FastifyInstance, url: string): void {
  app.route({
    url,
    method: app.supportedMethods.filter((method) => method !== 'GET' && method !== 'HEAD'),
    onRequest: (_request, reply) => {
      reply.code(405).header('allow', 'GET, HEAD').send(errorBody('only GET and HEAD are possible here'));
    },
    handler: () => {},
  });
}
