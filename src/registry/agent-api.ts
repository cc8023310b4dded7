import type { Log } from '../core/log.ts';
import type { Answer, ApiRequest, Handlers } from './api-request.ts';
import type { CheckRunner } from './checks.ts';
import { decodeRegistration } from './decode.ts';
import { decodeCheckRegistration } from './decode-check.ts';
import { Fields } from './fields.ts';
import { type Check, type CheckStatus, isCheckStatus } from './model.ts';
import { flagOf, refuseFilter } from './query.ts';
import { RequestError } from './request-error.ts';
import type { RegistryStore } from './store.ts';
import * as views from './views.ts';

const MAX_SERVICES = 10_000;
const DONE: Answer = {};

/** What services say of themselves: the part of Consul's HTTP API under `/v1/agent`. */
export class AgentApi {
  readonly #store: RegistryStore;
  readonly #runner: CheckRunner;
  readonly #node: views.NodeFacts;
  readonly #log: Log;
  readonly handlers: Handlers = [
    ['PUT /v1/agent/service/register', (request) => this.#register(request)],
    ['PUT /v1/agent/service/deregister/', (request) => this.#deregister(request)],
    ['PUT /v1/agent/service/maintenance/', (request) => this.#maintain(request)],
    ['GET /v1/agent/services', (request) => this.#services(request)],
    ['GET /v1/agent/service/', (request) => this.#service(request)],
    ['GET /v1/agent/checks', (request) => this.#checks(request)],
    ['GET /v1/agent/self', () => ({ json: views.selfView(this.#node) })],
    ['PUT /v1/agent/check/register', (request) => this.#registerCheck(request)],
    ['PUT /v1/agent/check/deregister/', (request) => this.#deregisterCheck(request)],
    ['PUT /v1/agent/check/pass/', (request) => this.#heartbeat(request, 'passing')],
    ['PUT /v1/agent/check/warn/', (request) => this.#heartbeat(request, 'warning')],
    ['PUT /v1/agent/check/fail/', (request) => this.#heartbeat(request, 'critical')],
    ['PUT /v1/agent/check/update/', (request) => this.#updateCheck(request)],
  ];

  constructor(store: RegistryStore, runner: CheckRunner, node: views.NodeFacts, log: Log) {
    this.#store = store;
    this.#runner = runner;
    this.#node = node;
    this.#log = log;
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

  #services({ query }: ApiRequest): Answer {
    refuseFilter(query);
    const entries = [...this.#store.instances()].map(
      (instance) => [instance.service.id, views.agentServiceView(instance, this.#node)] as const,
    );
    return { json: Object.fromEntries(entries) };
  }

  #service({ id }: ApiRequest): Answer {
    const instance = this.#store.instance(id);
    if (!instance) throw new RequestError(404, `unknown service ID: ${id}`);
    return { json: views.agentServiceView(instance, this.#node) };
  }

  #checks({ query }: ApiRequest): Answer {
    refuseFilter(query);
    const entries = [...this.#store.checks()].map((check) => {
      const owner = this.#store.instance(check.definition.serviceId);
      return [check.definition.id, views.checkView(check, owner?.service ?? null, this.#node)] as const;
    });
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
