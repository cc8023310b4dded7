import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Address, formatAddress } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Closable } from '../core/scope.ts';
import { AgentApi } from './agent-api.ts';
import type { ApiRequest, Handler } from './api-request.ts';
import { browserRefusal } from './browser-guard.ts';
import { CatalogApi } from './catalog-api.ts';
import { CheckRunner } from './checks.ts';
import { readJson, sendAnswer, sendError } from './http-io.ts';
import { LongPolls } from './long-polls.ts';
import { flagOf } from './query.ts';
import { RequestError } from './request-error.ts';
import { findRoute } from './routing.ts';
import { StateFile } from './state-file.ts';
import { RegistryStore } from './store.ts';
import type { NodeFacts } from './views.ts';

const MAX_CONNECTIONS = 8_192;
const NODE_NAME = 'headgate';
const DATACENTER = 'dc1';

export interface RegistryOptions {
  /** Port 0 takes a free one. */
  readonly address: Address;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where registrations survive a restart; null keeps them in memory only. */
  readonly stateFile: string | null;
}

/** A registry in the shape of Consul's agent API, for machines without one. */
export class EmbeddedRegistry implements Closable {
  readonly #options: RegistryOptions;
  readonly #store: RegistryStore;
  readonly #runner: CheckRunner;
  readonly #polls: LongPolls;
  readonly #state: StateFile | null;
  readonly #server: Server;
  /** Null until what was kept is restored. */
  #api: ReadonlyMap<string, Handler> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: RegistryOptions) {
    const { clock, random, log, stateFile } = options;
    this.#options = options;
    // Seconds since 1970 are above what an earlier process gave out, unless it saw more than one change a second.
    this.#store = new RegistryStore(clock, Math.floor(clock.wall() / 1000) + random.below(60));
    this.#runner = new CheckRunner(this.#store, clock, random, log);
    this.#polls = new LongPolls(this.#store.topics, clock, random);
    this.#state = stateFile === null ? null : new StateFile(stateFile, this.#store, this.#runner, clock, log);
    this.#store.listen({
      checkAdded: (check) => this.#runner.add(check),
      checkRemoved: (check) => this.#runner.remove(check),
      checkChanged: (check) => this.#runner.statusChanged(check),
      dirty: () => this.#state?.dirty(),
    });
    this.#server = createServer({ keepAliveTimeout: 75_000, headersTimeout: 15_000, requestTimeout: 30_000 });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Listens, and returns the address with the port that was taken. Throws `REGISTRY_LISTEN` when it cannot. */
  async start(): Promise<Address> {
    const { address, log } = this.#options;
    const bound = await this.#listen(address);
    await this.#state?.restore();
    const node = nodeFacts(bound, this.#store);
    const agent = new AgentApi(this.#store, this.#runner, node, log);
    const catalog = new CatalogApi(this.#store, this.#polls, node);
    this.#api = new Map([...agent.handlers, ...catalog.handlers]);
    log.info('registry.listening', `embedded registry on http://${formatAddress(bound)}`);
    return bound;
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  #listen(address: Address): Promise<Address> {
    return new Promise((resolve, reject) => {
      const refuse = (cause: NodeJS.ErrnoException) => reject(listenError(address, cause));
      this.#server.once('error', refuse);
      this.#server.listen({ host: address.host, port: address.port }, () => {
        this.#server.off('error', refuse);
        this.#server.on('error', (error) => this.#options.log.error('registry.error', reasonOf(error)));
        resolve({ host: address.host, port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  async #close(deadline: number): Promise<void> {
    this.#polls.close();
    if (this.#server.listening) {
      const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
      this.#server.closeIdleConnections();
      const wait = Math.max(0, deadline - this.#options.clock.now());
      const cut = this.#options.clock.after(wait, () => this.#server.closeAllConnections());
      await closed;
      cut.cancel();
    }
    // What is saved includes how long each check has left, so it is written before the checks end.
    await this.#state?.close(deadline);
    await this.#runner.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.on('error', () => gone.abort());
    try {
      await this.#answer(request, response, gone.signal);
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy();
      if (!request.complete) response.setHeader('Connection', 'close');
      if (error instanceof RequestError) return sendError(response, error.status, error.message);
      this.#options.log.error('registry.error', `${request.method} ${request.url} failed: ${reasonOf(error)}`);
      sendError(response, 500, 'internal error');
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const refusal = browserRefusal(request.headers, this.#options.address.host);
    if (refusal !== null) throw new RequestError(403, refusal);
    const api = this.#api;
    if (!api) throw new RequestError(503, 'the registry is starting');
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
    const { handler, id, allow } = findRoute(api, request.method ?? '', mark < 0 ? url : url.slice(0, mark));
    if (!handler) {
      response.setHeader('Allow', allow);
      throw new RequestError(405, `method ${request.method} not allowed; use ${allow}`);
    }
    const body = await readJson(request);
    const call: ApiRequest = { id, query, body, gone };
    const answer = await handler(call);
    if (this.#closing) response.setHeader('Connection', 'close');
    if (!response.destroyed) sendAnswer(response, answer, flagOf(query, 'pretty'));
    // A sign of life moves the time that is saved with a check.
    if (request.method === 'PUT') this.#state?.dirty();
  }
}

function nodeFacts(bound: Address, store: RegistryStore): NodeFacts {
  const unspecified = bound.host === '0.0.0.0' || bound.host === '::' || bound.host === '';
  const address = unspecified || bound.host === 'localhost' ? '127.0.0.1' : bound.host;
  const digest = createHash('sha256')
    .update(`headgate ${formatAddress(bound)}`)
    .digest('hex');
  const id = [8, 4, 4, 4, 12].map((length, part) => digest.slice(part * 12, part * 12 + length)).join('-');
  return {
    id,
    name: NODE_NAME,
    address,
    datacenter: DATACENTER,
    leader: formatAddress({ host: address, port: bound.port }),
    createIndex: store.topics.current,
  };
}

function listenError(address: Address, cause: NodeJS.ErrnoException): HeadgateError {
  const where = formatAddress(address);
  const remedy =
    cause.code === 'EADDRINUSE'
      ? 'another program listens there, perhaps a Consul agent or another Headgate; stop it or set another registry.address'
      : 'set another registry.address';
  return new HeadgateError(`the embedded registry cannot listen on ${where}: ${reasonOf(cause)}; ${remedy}`, {
    code: 'REGISTRY_LISTEN',
    source: 'self',
    cause,
  });
}
