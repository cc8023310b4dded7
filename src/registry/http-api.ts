import type { Log } from '../core/log.ts';
import type { CheckRunner } from './checks.ts';
import { decodeRegistration } from './decode.ts';
import { decodeCheckRegistration } from './decode-check.ts';
import { Fields } from './fields.ts';
import type { LongPolls } from './long-polls.ts';
import { type Check, type CheckStatus, isCheckStatus } from './model.ts';
import { blockingOf, flagOf, refuseFilter } from './query.ts';
import { RequestError } from './request-error.ts';
import type { RegistryStore } from './store.ts';
import type { Topic } from './topics.ts';
import * as views from './views.ts';

/** A request, read as far as the routing table needs it. */
export interface ApiRequest {
  /** What stood for the last part of the path in the table, decoded. */
  readonly id: string;
  readonly query: URLSearchParams;
  /** The JSON body; undefined when there is none. */
  readonly body: unknown;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
}

export interface Answer {
  /** Sent as JSON; undefined for an empty body. */
  readonly json?: unknown;
  /** The change index of what was asked for. */
  readonly index?: number;
}

type Handler = (request: ApiRequest) => Answer | Promise<Answer>;

const MAX_SERVICES = 10_000;
const DONE: Answer = {};

/** The part of Consul's HTTP API that registers and finds services. */
export class RegistryApi {
  readonly #store: RegistryStore;
  readonly #runner: CheckRunner;
  readonly #polls: LongPolls;
  readonly #node: views.NodeFacts;
  readonly #log: Log;
  /** `METHOD /path`, or `METHOD /path/` where the rest of the path is an id. */
  readonly routes: ReadonlyMap<string, Handler>;

  constructor(store: RegistryStore, runner: CheckRunner, polls: LongPolls, node: views.NodeFacts, log: Log) {
    this.#store = store;
    this.#runner = runner;
    this.#polls = polls;
    this.#node = node;
    this.#log = log;
    this.routes = this.#table();
  }

  #table(): ReadonlyMap<string, Handler> {
    return new Map<string, Handler>([
      ['PUT /v1/agent/service/register', (request) => this.#register(request)],
      ['PUT /v1/agent/service/deregister/', (request) => this.#deregister(request)],
      ['PUT /v1/agent/service/maintenance/', (request) => this.#maintain(request)],
      ['GET /v1/agent/services', (request) => this.#agentServices(request)],
      ['GET /v1/agent/service/', (request) => this.#agentService(request)],
      ['GET /v1/agent/checks', (request) => this.#agentChecks(request)],
      ['GET /v1/agent/self', () => ({ json: views.selfView(this.#node) })],
      ['PUT /v1/agent/check/register', (request) => this.#registerCheck(request)],
      ['PUT /v1/agent/check/deregister/', (request) => this.#deregisterCheck(request)],
      ['PUT /v1/agent/check/pass/', (request) => this.#heartbeat(request, 'passing')],
      ['PUT /v1/agent/check/warn/', (request) => this.#heartbeat(request, 'warning')],
      ['PUT /v1/agent/check/fail/', (request) => this.#heartbeat(request, 'critical')],
      ['PUT /v1/agent/check/update/', (request) => this.#updateCheck(request)],
      ['GET /v1/health/service/', (request) => this.#healthService(request)],
      ['GET /v1/health/checks/', (request) => this.#healthChecks(request)],
      ['GET /v1/health/state/', (request) => this.#healthState(request)],
      ['GET /v1/catalog/services', (request) => this.#catalogServices(request)],
      ['GET /v1/catalog/service/', (request) => this.#catalogService(request)],
      ['GET /v1/catalog/nodes', () => ({ json: [views.nodeView(this.#node)], index: this.#node.createIndex })],
      ['GET /v1/catalog/datacenters', () => ({ json: [this.#node.datacenter] })],
      ['GET /v1/status/leader', () => ({ json: this.#node.leader })],
      ['GET /v1/status/peers', () => ({ json: [this.#node.leader] })],
    ]);
  }

  #register({ body, query }: ApiRequest): Answer {
    const { service, checks } = decodeRegistration(body);
    const before = this.#store.instance(service.id);
    if (!before && this.#store.size >= MAX_SERVICES) {
      throw new RequestError(507, `the registry holds ${MAX_SERVICES} services and takes no more; deregister some`);
    }
    this.#store.register(service, checks, flagOf(query, 'replace-existing-checks'));
    for (const { id } of checks) {
      const check = this.#store.check(id);
      if (check) this.#runner.touch(check);
    }
    if (before?.service !== this.#store.instance(service.id)?.service) {
      const where = `${service.name} at ${service.address || this.#node.address}:${service.port}`;
      this.#log.info('registry.registered', `${service.id}: ${where}`, { service: service.name, id: service.id });
    }
    return DONE;
  }

  #deregister({ id }: ApiRequest): Answer {
    if (!this.#store.deregister(id)) throw unknownService(id);
    this.#log.info('registry.deregistered', `${id} was deregistered`, { id });
    return DONE;
  }

  #maintain({ id, query }: ApiRequest): Answer {
    if (!this.#store.instance(id)) throw unknownService(id);
    if (!query.get('enable')) throw new RequestError(400, 'Missing value for ?enable: write ?enable=true or false');
    const check = `_service_maintenance:${id}`;
    if (!flagOf(query, 'enable')) {
      this.#store.removeCheck(check);
      return DONE;
    }
    this.#store.putCheck(maintenanceCheck(id, query.get('reason') ?? ''));
    return DONE;
  }

  #agentServices({ query }: ApiRequest): Answer {
    refuseFilter(query);
    const entries = [...this.#store.instances()].map(
      (instance) => [instance.service.id, views.agentServiceView(instance, this.#node)] as const,
    );
    return { json: Object.fromEntries(entries) };
  }

  #agentService({ id }: ApiRequest): Answer {
    const instance = this.#store.instance(id);
    if (!instance) throw new RequestError(404, `unknown service ID: ${id}`);
    return { json: views.agentServiceView(instance, this.#node) };
  }

  #agentChecks({ query }: ApiRequest): Answer {
    refuseFilter(query);
    const entries = [...this.#store.checks()].map((check) => [check.definition.id, this.#checkView(check)] as const);
    return { json: Object.fromEntries(entries) };
  }

  #registerCheck({ body }: ApiRequest): Answer {
    const definition = decodeCheckRegistration(new Fields(body, ''));
    if (!this.#store.instance(definition.serviceId)) {
      throw new RequestError(404, `ServiceID "${definition.serviceId}" does not exist: register the service first`);
    }
    this.#store.putCheck(definition);
    return DONE;
  }

  #deregisterCheck({ id }: ApiRequest): Answer {
    if (!this.#store.removeCheck(id)) throw unknownCheck(id);
    return DONE;
  }

  #updateCheck(request: ApiRequest): Answer {
    const fields = new Fields(request.body, '');
    const status = fields.text('Status');
    if (!isCheckStatus(status)) {
      throw new RequestError(400, `Invalid check status: '${status}' is not passing, warning or critical`);
    }
    return this.#report(request.id, status, fields.text('Output'));
  }

  #heartbeat({ id, query }: ApiRequest, status: CheckStatus): Answer {
    return this.#report(id, status, query.get('note') ?? '');
  }

  #report(id: string, status: CheckStatus, output: string): Answer {
    const check = this.#store.check(id);
    if (!check) throw unknownCheck(id);
    if (!this.#runner.heartbeat(check, status, output)) {
      throw new RequestError(400, `CheckID "${id}" does not have associated TTL: its status comes from its own probe`);
    }
    return DONE;
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

function maintenanceCheck(serviceId: string, reason: string): Check['definition'] {
  return {
    id: `_service_maintenance:${serviceId}`,
    name: 'Service Maintenance Mode',
    notes: reason || 'Maintenance mode is enabled for this service.',
    serviceId,
    source: { kind: 'maintenance' },
    initial: 'critical',
    deregisterAfter: 0,
    failuresBeforeCritical: 0,
    successBeforePassing: 0,
  };
}

function unknownService(id: string): RequestError {
  return new RequestError(404, `Unknown service ID "${id}". Give the service's ID, not its name.`);
}

function unknownCheck(id: string): RequestError {
  return new RequestError(404, `Unknown check ID "${id}". Give the check's ID, not its name.`);
}
