import type { Answer, ApiRequest, Handlers } from './api-request.ts';
import type { LongPolls } from './long-polls.ts';
import { type Check, isCheckStatus } from './model.ts';
import { blockingOf, flagOf, refuseFilter } from './query.ts';
import { RequestError } from './request-error.ts';
import type { RegistryStore } from './store.ts';
import type { Topic } from './topics.ts';
import * as views from './views.ts';

/** What can be found: the parts of Consul's HTTP API under `/v1/health`, `/v1/catalog` and `/v1/status`. */
export class CatalogApi {
  readonly #store: RegistryStore;
  readonly #polls: LongPolls;
  readonly #node: views.NodeFacts;
  readonly handlers: Handlers = [
    ['GET /v1/health/service/', (request) => this.#healthService(request)],
    ['GET /v1/health/checks/', (request) => this.#healthChecks(request)],
    ['GET /v1/health/state/', (request) => this.#healthState(request)],
    ['GET /v1/catalog/services', (request) => this.#catalogServices(request)],
    ['GET /v1/catalog/service/', (request) => this.#catalogService(request)],
    ['GET /v1/catalog/nodes', () => ({ json: [views.nodeView(this.#node)], index: this.#node.createIndex })],
    ['GET /v1/catalog/datacenters', () => ({ json: [this.#node.datacenter] })],
    ['GET /v1/status/leader', () => ({ json: this.#node.leader })],
    ['GET /v1/status/peers', () => ({ json: [this.#node.leader] })],
  ];

  constructor(store: RegistryStore, polls: LongPolls, node: views.NodeFacts) {
    this.#store = store;
    this.#polls = polls;
    this.#node = node;
  }

  #healthService(request: ApiRequest): Promise<Answer> {
    refuseFilter(request.query);
    const passing = flagOf(request.query, 'passing');
    return this.#whenChanged(`service:${request.id}`, request, () => {
      const entries: object[] = [];
      for (const instance of this.#tagged(request)) {
        const checks = this.#store.checksOf(instance.service.id);
        if (passing && checks.some((check) => check.status !== 'passing')) continue;
        entries.push(views.healthView(instance, checks, this.#node));
      }
      return entries;
    });
  }

  #healthChecks(request: ApiRequest): Promise<Answer> {
    refuseFilter(request.query);
    return this.#whenChanged(`service:${request.id}`, request, () => {
      const instances = this.#store.instancesOf(request.id);
      const checks = instances.flatMap(({ service }) => this.#store.checksOf(service.id));
      return checks.map((check) => this.#checkView(check));
    });
  }

  #healthState(request: ApiRequest): Promise<Answer> {
    refuseFilter(request.query);
    const { id } = request;
    if (id !== 'any' && !isCheckStatus(id)) {
      throw new RequestError(400, `Invalid state: "${id}" is not any, passing, warning or critical`);
    }
    return this.#whenChanged('checks', request, () => {
      const checks = [...this.#store.checks()].filter((check) => id === 'any' || check.status === id);
      const own = id === 'any' || id === 'passing' ? [views.nodeCheckView(this.#node)] : [];
      return [...own, ...checks.map((check) => this.#checkView(check))];
    });
  }

  #catalogServices(request: ApiRequest): Promise<Answer> {
    refuseFilter(request.query);
    return this.#whenChanged('catalog', request, () => {
      const entries = [...this.#store.catalog()].map(([name, tags]) => [name, [...tags]] as const);
      return Object.fromEntries(entries);
    });
  }

  #catalogService(request: ApiRequest): Promise<Answer> {
    refuseFilter(request.query);
    return this.#whenChanged(`service:${request.id}`, request, () =>
      this.#tagged(request).map((instance) => views.catalogView(instance, this.#node)),
    );
  }

  /** The instances of the service that have every `tag` of the query; tags compare without case, as in Consul. */
  #tagged({ id, query }: ApiRequest) {
    const wanted = query.getAll('tag').map((tag) => tag.toLowerCase());
    return this.#store.instancesOf(id).filter(({ service }) => {
      const tags = service.tags.map((tag) => tag.toLowerCase());
      return wanted.every((tag) => tags.includes(tag));
    });
  }

  #checkView(check: Check): object {
    const owner = this.#store.instance(check.definition.serviceId);
    return views.checkView(check, owner?.service ?? null, this.#node);
  }

  async #whenChanged(topic: Topic, request: ApiRequest, read: () => unknown): Promise<Answer> {
    const { since, wait } = blockingOf(request.query);
    await this.#polls.until(topic, since, wait, request.gone);
    return { json: read(), index: this.#store.topics.index(topic) };
  }
}
