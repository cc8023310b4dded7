import type { Clock } from '../core/clock.ts';
import type { OwnAddress, OwnState, Registrar } from './registrar.ts';
import {
  RegistryClient,
  type RegistryReply,
  type RegistryRequest,
  type RegistryServer,
  registryUrls,
} from './registry-client.ts';
import { readSecret, type Secret } from './tls-connector.ts';

/** Durations in milliseconds. */
export interface ConsulRegistration extends OwnAddress {
  readonly servers: readonly string[];
  /** In a file, it is read for each request. */
  readonly token: Secret | null;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly ttl: number;
  readonly deregisterAfter: number;
}

const LIMITS = { connect: 2_000, read: 5_000, connections: 1 };

const ADVICE = new Map([
  [403, 'the ACL token may not: give register.consul.token one with service:write'],
  [404, 'it does not know that: is it the HTTP address of a Consul agent?'],
]);

/**
 * Registers in Consul with a TTL check whose status is our readiness. A registration belongs to one agent: should that one
 * fail, the next gets it, and the old one turns critical there.
 */
export class ConsulRegistrar implements Registrar {
  readonly registry = 'Consul';
  readonly interval: number;
  readonly #own: ConsulRegistration;
  readonly #client: RegistryClient;
  readonly #registeredAt = new Set<RegistryServer>();

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(registration: ConsulRegistration, clock: Clock) {
    this.interval = registration.ttl / 3;
    this.#own = registration;
    const urls = registryUrls(registration.servers, 'register.consul.servers', '');
    this.#client = new RegistryClient('Consul', urls, LIMITS, clock);
  }

  get patience(): number {
    return this.#client.patience;
  }

  register(state: OwnState, signal: AbortSignal): Promise<void> {
    return this.#client.ask((server, limited) => this.#register(server, state, limited), signal);
  }

  renew(state: OwnState, signal: AbortSignal): Promise<void> {
    return this.#client.ask(async (server, limited) => {
      const path = `/v1/agent/check/update/${encodeURIComponent(this.#checkId)}`;
      const body = { Status: statusOf(state), Output: outputOf(state) };
      const reply = await this.#put(server, path, body, limited);
      if (reply.status !== 404) return accepted(reply);
      reply.discard();
      return this.#register(server, state, limited);
    }, signal);
  }

  async deregister(signal: AbortSignal): Promise<void> {
    const path = `/v1/agent/service/deregister/${encodeURIComponent(this.#own.id)}`;
    const take = async (server: RegistryServer) => {
      const reply = await this.#put(server, path, undefined, signal);
      if (reply.status === 404) return reply.discard();
      await accepted(reply);
    };
    // One that can't be reached must not keep the others from being asked to their end.
    const results = await Promise.allSettled([...this.#registeredAt].map(take));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    this.#registeredAt.clear();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  get #checkId(): string {
    return `service:${this.#own.id}`;
  }

  async #register(server: RegistryServer, state: OwnState, signal: AbortSignal): Promise<void> {
    const { id, name, address, port, tags, meta, ttl, deregisterAfter } = this.#own;
    const check = {
      CheckID: this.#checkId,
      Name: 'Headgate is ready',
      TTL: `${ttl}ms`,
      DeregisterCriticalServiceAfter: `${deregisterAfter}ms`,
      Status: statusOf(state),
      Notes: outputOf(state),
    };
    const service = { ID: id, Name: name, Address: address, Port: port, Tags: tags, Meta: meta, Check: check };
    const path = '/v1/agent/service/register?replace-existing-checks=true';
    this.#registeredAt.add(server);
    await accepted(await this.#put(server, path, service, signal));
  }

  #put(server: RegistryServer, path: string, body: unknown, signal: AbortSignal): Promise<RegistryReply> {
    const { token } = this.#own;
    const secret = token === null ? {} : { 'x-consul-token': readSecret(token, 'the ACL token').trim() };
    const headers = { 'content-type': 'application/json', ...secret };
    const request: RegistryRequest = { method: 'PUT', path, headers };
    return server.send(body === undefined ? request : { ...request, body: JSON.stringify(body) }, signal);
  }
}

function statusOf({ ready }: OwnState): string {
  return ready ? 'passing' : 'critical';
}

function outputOf({ ready, reasons }: OwnState): string {
  return ready ? 'ready' : reasons.join('; ');
}

async function accepted(reply: RegistryReply): Promise<void> {
  if (reply.status === 200) return reply.discard();
  throw await reply.refusal(ADVICE);
}
