import { isIP } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { OwnAddress, OwnState, Registrar } from './registrar.ts';
import { RegistryClient, type RegistryReply, type RegistryServer, registryUrls } from './registry-client.ts';

/** Durations in milliseconds. */
export interface EurekaRegistration extends OwnAddress {
  readonly servers: readonly string[];
  readonly prefix: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly renewalInterval: number;
  readonly duration: number;
}

const LIMITS = { connect: 2_000, read: 5_000, connections: 1 };

const ADVICE = new Map([
  [401, 'it wants a user and a password: write http://user:password@host:8761 in register.eureka.host'],
  [404, 'it does not know the path: is register.eureka.prefix right?'],
]);

/** Registers in Eureka: STARTING until this Headgate is ready, UP from then on. The servers tell each other. */
export class EurekaRegistrar implements Registrar {
  readonly registry = 'Eureka';
  readonly interval: number;
  readonly #own: EurekaRegistration;
  readonly #clock: Clock;
  readonly #client: RegistryClient;
  /** A registration was sent, whether it was answered or not. */
  #tried = false;
  /** What the registry was told last, and when: a later time of ours replaces it. */
  #told: { readonly status: string; readonly at: number } | null = null;

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(registration: EurekaRegistration, clock: Clock) {
    this.interval = registration.renewalInterval;
    this.#own = registration;
    this.#clock = clock;
    const urls = registryUrls(registration.servers, 'register.eureka.host', registration.prefix);
    this.#client = new RegistryClient('Eureka', urls, LIMITS, clock);
  }

  get patience(): number {
    return this.#client.patience;
  }

  register(state: OwnState, signal: AbortSignal): Promise<void> {
    return this.#client.ask((server, limited) => this.#register(server, state, limited), signal);
  }

  renew(state: OwnState, signal: AbortSignal): Promise<void> {
    return this.#client.ask(async (server, limited) => {
      const told = this.#told;
      const status = statusOf(state);
      if (told?.status !== status) return this.#register(server, state, limited);
      const query = `status=${status}&lastDirtyTimestamp=${told.at}`;
      const reply = await server.send({ method: 'PUT', path: `${this.#path}?${query}` }, limited);
      if (reply.status !== 404) return accepted(reply);
      reply.discard();
      return this.#register(server, state, limited);
    }, signal);
  }

  async deregister(signal: AbortSignal): Promise<void> {
    if (!this.#tried) return;
    await this.#client.ask(async (server, limited) => {
      const reply = await server.send({ method: 'DELETE', path: this.#path }, limited);
      if (reply.status === 404) return reply.discard();
      await accepted(reply);
    }, signal);
    this.#tried = false;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  get #path(): string {
    return `/apps/${encodeURIComponent(this.#own.name.toUpperCase())}/${encodeURIComponent(this.#own.id)}`;
  }

  async #register(server: RegistryServer, state: OwnState, signal: AbortSignal): Promise<void> {
    const status = statusOf(state);
    const at = Math.max(this.#clock.wall(), (this.#told?.at ?? 0) + 1);
    const path = `/apps/${encodeURIComponent(this.#own.name.toUpperCase())}`;
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ instance: describe(this.#own, status, at) });
    this.#tried = true;
    await accepted(await server.send({ method: 'POST', path, headers, body }, signal));
    this.#told = { status, at };
  }
}

function statusOf({ ready }: OwnState): string {
  return ready ? 'UP' : 'STARTING';
}

function describe(own: EurekaRegistration, status: string, at: number): object {
  const { id, name, address, port, metadata, renewalInterval, duration } = own;
  return {
    instanceId: id,
    app: name.toUpperCase(),
    hostName: address,
    // A name stands here too: Eureka takes it, and clients resolve it.
    ipAddr: address,
    vipAddress: name,
    status,
    port: { $: port, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: {
      renewalIntervalInSecs: Math.max(1, Math.round(renewalInterval / 1000)),
      durationInSecs: Math.max(1, Math.round(duration / 1000)),
    },
    homePageUrl: `http://${isIP(address) === 6 ? `[${address}]` : address}:${port}/`,
    metadata,
    lastDirtyTimestamp: at,
  };
}

async function accepted(reply: RegistryReply): Promise<void> {
  if (reply.status === 200 || reply.status === 204) return reply.discard();
  throw await reply.refusal(ADVICE);
}
