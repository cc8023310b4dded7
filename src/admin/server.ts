import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Address, formatAddress } from '../core/address.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { answerBadRequest, answerBadUrl, errorBody, reportErrors } from './errors.ts';
import { createKeyGuard, type KeyGuard } from './key-guard.ts';
import { isLoopback, refusalOf } from './request-guard.ts';
import { addRoutes } from './routes.ts';
import type { AdminViews } from './views.ts';

/** Longer than the usual pauses between scrapes, so that a scraper keeps its connection. */
const KEEP_ALIVE_MS = 75_000;
const HEAD_MS = 10_000;
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 256;
const MAX_BODY = 1024 * 1024;

/** The listener for operators and their tools: metrics, health, and what Headgate knows. It only reads. */
export class AdminServer implements Closable {
  readonly #address: Address;
  readonly #views: AdminViews;
  readonly #mayChange: KeyGuard;
  readonly #log: Log;
  readonly #clock: Clock;
  #app: FastifyInstance | null = null;
  #closing: Promise<void> | null = null;

  /** `key` is what changes need; without one nothing can be changed. */
  constructor(address: Address, key: string | null, views: AdminViews, log: Log, clock: Clock) {
    this.#address = address;
    this.#views = views;
    this.#mayChange = createKeyGuard(key);
    this.#log = log;
    this.#clock = clock;
  }

  /** Resolves with the bound address. Rejects with a HeadgateError that says what to change when it can't listen. */
  async start(): Promise<Address> {
    const { host, port } = this.#address;
    if (!isLoopback(host)) throw notLoopback(this.#address);
    const app = await createApp(this.#log);
    addRoutes(app, this.#views, this.#mayChange);
    this.#app = app;
    // The name may stand for two addresses; a listener has one.
    const bindTo = host.toLowerCase() === 'localhost' ? '127.0.0.1' : host;
    try {
      await app.listen({ host: bindTo, port });
    } catch (error) {
      throw cannotListen(this.#address, error as NodeJS.ErrnoException);
    }
    const bound = app.server.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  /** Idle connections are closed at once; answers under way may end until `deadline`. */
  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    const app = this.#app;
    if (!app) return;
    const closed = new AbortController();
    const done = app.close().finally(() => closed.abort());
    await sleep(this.#clock, Math.max(0, deadline - this.#clock.now()), closed.signal);
    app.server.closeAllConnections();
    await done;
  }
}

async function createApp(log: Log): Promise<FastifyInstance> {
  const { fastify } = await import('fastify');
  const app = fastify({
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    bodyLimit: MAX_BODY,
    http: { headersTimeout: HEAD_MS },
    frameworkErrors: answerBadUrl,
    clientErrorHandler: answerBadRequest,
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    const refusal = refusalOf(request.raw);
    if (refusal) await reply.code(403).send(errorBody(refusal));
  });
  reportErrors(app, log);
  return app;
}

function notLoopback(address: Address): HeadgateError {
  return new HeadgateError(
    `admin.address ${formatAddress(address)} can be reached from other machines, and the admin listener has no key yet; ` +
      `use 127.0.0.1:${address.port}`,
    { code: 'ADMIN_NOT_LOOPBACK', source: 'self' },
  );
}

function cannotListen(address: Address, error: NodeJS.ErrnoException): HeadgateError {
  const taken = error.code === 'EADDRINUSE';
  const remedy = taken
    ? 'stop the program that uses the port, or set another admin.address'
    : 'set another admin.address';
  return new HeadgateError(`the admin listener can't use ${formatAddress(address)}: ${reasonOf(error)}; ${remedy}`, {
    code: 'ADMIN_LISTEN',
    source: 'self',
    cause: error,
  });
}
