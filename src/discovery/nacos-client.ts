import type { Clock } from '../core/clock.ts';
import type { Closable } from '../core/scope.ts';
import { answerError } from './json-body.ts';
import { type NacosNodes, parseInstances, parseServiceNames, unwrap } from './nacos-answer.ts';
import { isMissing, NacosLogin } from './nacos-login.ts';
import type { NacosOptions, NacosService } from './nacos-options.ts';
import { RegistryClient, type RegistryReply, type RegistryServer, registryUrls } from './registry-client.ts';

/** Where pushes are to go. */
export interface PushAddress {
  readonly ip: string;
  readonly port: number;
}

export interface NacosAnswer extends NacosNodes {
  readonly server: RegistryServer;
  /** The server was told where to push to. */
  readonly pushes: boolean;
}

type Api = 'v1' | 'v2' | 'v3';

/** Only the first API takes subscriptions for pushes. The others are there where that one is not. */
const WITH_PUSH: readonly Api[] = ['v1', 'v3', 'v2'];
const WITHOUT_PUSH: readonly Api[] = ['v3', 'v2', 'v1'];
const LIST_PATHS: Readonly<Record<Api, string>> = {
  v1: '/v1/ns/instance/list',
  v2: '/v2/ns/instance/list',
  v3: '/v3/client/ns/instance/list',
};
/** The third API lists services to administrators only. */
const CATALOG_PATHS: readonly (readonly [Api, string])[] = [
  ['v1', '/v1/ns/service/list'],
  ['v2', '/v2/ns/service/list'],
];
const PAGE = 500;
const MAX_PAGES = 100;

/** A server pushes to clients whose kind and version it knows, and to nobody else. */
const USER_AGENT = 'Nacos-Go-Client:v1.0.0 (headgate)';

const ADVICE = new Map([
  [401, 'it wants a login: set discovery.nacos.username and password'],
  [403, 'it refuses: are discovery.nacos.username and password set, and may the user read the namespace?'],
  [404, 'it does not know the path: is discovery.nacos.prefix right?'],
  [410, 'its client API is switched off'],
]);

/** Speaks the HTTP APIs of Nacos 1, 2 and 3: finds out which of them a server has, and logs in where that is asked for. */
export class NacosClient implements Closable {
  readonly #options: NacosOptions;
  readonly #client: RegistryClient;
  readonly #login: NacosLogin | null;
  readonly #apis = new WeakMap<RegistryServer, Api>();

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: NacosOptions, clock: Clock) {
    const { connectTimeout: connect, readTimeout: read, concurrency: connections, username, password } = options;
    this.#options = options;
    const urls = registryUrls(options.servers, 'discovery.nacos.host', options.prefix);
    this.#client = new RegistryClient('Nacos', urls, { connect, read, connections }, clock);
    this.#login = username === null ? null : new NacosLogin(username, password ?? '', clock);
  }

  /** Milliseconds after which a question has an answer or has failed. */
  get patience(): number {
    return this.#client.patience;
  }

  /** `pushTo` finds where the server's pushes are to go; null when it is not to push. */
  instances(
    service: NacosService,
    pushTo: (server: RegistryServer) => Promise<PushAddress | null>,
    signal: AbortSignal,
  ): Promise<NacosAnswer> {
    return this.#client.ask(async (server, limited) => {
      const push = await pushTo(server);
      const query = instanceQuery(service, push);
      const { body, api } = await this.#firstApi(server, push ? WITH_PUSH : WITHOUT_PUSH, query, limited);
      const parsed = parseInstances(api === 'v1' ? body : unwrap(body), service, this.#options.weight);
      return { ...parsed, server, pushes: api === 'v1' && push !== null };
    }, signal);
  }

  /** Names of all services of a namespace's group. */
  services(signal: AbortSignal): Promise<readonly string[]> {
    return this.#client.ask(async (server, limited) => {
      const names: string[] = [];
      for (let page = 1; page <= MAX_PAGES; page++) {
        const found = await this.#servicePage(server, page, limited);
        names.push(...found);
        if (found.length < PAGE) break;
      }
      return names;
    }, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #servicePage(server: RegistryServer, page: number, signal: AbortSignal): Promise<readonly string[]> {
    const { namespace, group } = this.#options;
    const fields = { pageNo: String(page), pageSize: String(PAGE), groupName: group, namespaceId: namespace };
    for (const [api, path] of CATALOG_PATHS) {
      const reply = await this.#get(server, `${path}?${new URLSearchParams(fields)}`, signal);
      if (reply.status === 200) {
        const body = await reply.json();
        return parseServiceNames(api === 'v1' ? body : unwrap(body));
      }
      if (!isMissing(reply.status)) throw await reply.refusal(ADVICE);
      reply.discard();
    }
    throw answerError(
      'does not list its services to clients: nacos.core.api.compatibility.client.enabled switches that on, and without ' +
        'it leave discovery.nacos.auto_route and metadata_routes out',
    );
  }

  /** Asks by the API that the server is known to have, else by each until one is there. */
  async #firstApi(server: RegistryServer, order: readonly Api[], query: URLSearchParams, signal: AbortSignal) {
    const known = this.#apis.get(server);
    let missing: RegistryReply | null = null;
    for (const api of known ? [known, ...order.filter((each) => each !== known)] : order) {
      missing?.discard();
      const reply = await this.#get(server, `${LIST_PATHS[api]}?${query}`, signal);
      if (reply.status === 200) {
        const body = await reply.json();
        this.#apis.set(server, api);
        return { body, api };
      }
      if (!isMissing(reply.status)) throw await reply.refusal(ADVICE);
      missing = reply;
    }
    throw await missing!.refusal(ADVICE);
  }

  /** A token that is refused may have been lost by the server: it gets a new one, once. */
  async #get(server: RegistryServer, path: string, signal: AbortSignal): Promise<RegistryReply> {
    const reply = await this.#getOnce(server, path, signal);
    const refused = reply.status === 401 || reply.status === 403;
    if (!refused || !this.#login?.forget(server)) return reply;
    reply.discard();
    return this.#getOnce(server, path, signal);
  }

  async #getOnce(server: RegistryServer, path: string, signal: AbortSignal): Promise<RegistryReply> {
    const token = this.#login ? await this.#login.headers(server, signal) : {};
    return server.send({ method: 'GET', path, headers: { 'user-agent': USER_AGENT, ...token } }, signal);
  }
}

/** Clusters are not named: the APIs disagree on how, and the answer says which cluster each instance is in. */
function instanceQuery(service: NacosService, push: PushAddress | null): URLSearchParams {
  const query = new URLSearchParams({
    serviceName: service.name,
    groupName: service.group,
    namespaceId: service.namespace,
    healthyOnly: 'false',
  });
  if (push) {
    query.set('clientIP', push.ip);
    query.set('udpPort', String(push.port));
  }
  return query;
}
