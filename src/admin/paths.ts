import type { FastifyInstance, HTTPMethods, RouteHandlerMethod } from 'fastify';
import { errorBody } from './errors.ts';
import type { KeyGuard } from './key-guard.ts';

/** Adds paths to the admin listener. A method that a path does not have is answered with 405, before any body is read. */
export class Paths {
  readonly #app: FastifyInstance;
  readonly #mayChange: KeyGuard;

  constructor(app: FastifyInstance, mayChange: KeyGuard) {
    this.#app = app;
    this.#mayChange = mayChange;
  }

  /** Reads. HEAD comes with it. */
  get(url: string, handler: RouteHandlerMethod): void {
    this.#app.get(url, handler);
    this.#refuseOthers(url, ['GET', 'HEAD']);
  }

  /** Changes something: only with the admin key. */
  post(url: string, handler: RouteHandlerMethod): void {
    this.#app.route({
      url,
      method: 'POST',
      onRequest: (request, reply, done) => {
        const refusal = this.#mayChange(request.raw);
        if (refusal) void reply.code(refusal.status).send(errorBody(refusal.message));
        else done();
      },
      handler,
    });
    this.#refuseOthers(url, ['POST']);
  }

  /** Reads, with a question too long for a URL. */
  ask(url: string, handler: RouteHandlerMethod): void {
    this.#app.post(url, handler);
    this.#refuseOthers(url, ['POST']);
  }

  #refuseOthers(url: string, allowed: readonly HTTPMethods[]): void {
    const text = allowed.join(', ');
    this.#app.route({
      url,
      method: this.#app.supportedMethods.filter((method) => !allowed.includes(method as HTTPMethods)),
      onRequest: (_request, reply) => {
        reply
          .code(405)
          .header('allow', text)
          .send(errorBody(`only ${text.replace(', ', ' and ')} ${allowed.length > 1 ? 'are' : 'is'} possible here`));
      },
      handler: () => {},
    });
  }
}
