import type { Log } from '../core/log.ts';
import { Collection, type CollectionChange } from './collection.ts';
import { type ConsulBody, ConsulClient, jsonOf } from './consul-client.ts';
import { consulServers } from './consul-options.ts';
import { Gate } from './gate.ts';
import { answerError } from './json-body.ts';
import { KeyedServices } from './kv-nodes.ts';
import type { Secret } from './tls-connector.ts';
import type { LoopTools } from './watch-loop.ts';
import { WrittenDiscovery } from './written-discovery.ts';
import type { WrittenService, WrittenServices } from './written-services.ts';

/** Durations in milliseconds. */
export interface ConsulKvOptions {
  readonly servers: readonly string[];
  /** In a file, it is read for each question. */
  readonly token: Secret | null;
  /** Null for the agent's own. */
  readonly datacenter: string | null;
  /** Begins every key that counts, such as `upstreams/`. */
  readonly prefix: string;
  readonly defaultWeight: number;
  /** How long Consul may keep a question open. */
  readonly wait: number;
  readonly connectTimeout: number;
  /** For a question that does not wait, and the slack over `wait` for one that does. */
  readonly timeout: number;
}

/** A source whose answers carry no usable index can't make us wait: it is asked this often (ms). */
const POLL_MS = 1_000;

/** Node lists in Consul's key-value store: one blocking query on the prefix for all services. */
export class ConsulKvDiscovery extends WrittenDiscovery {
  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: ConsulKvOptions, tools: LoopTools, log: Log) {
    const { servers, token, connectTimeout } = options;
    const client = new ConsulClient(consulServers(servers), { token, connectTimeout, concurrency: 1 }, log);
    const gate = new Gate(1);
    super('consul_kv', new Collection(() => new ConsulKvServices(options, client, gate), tools), log, client);
  }
}

/** The keys below a prefix. Each answer has all of them; what changed is told by the index at which a key was written. */
class ConsulKvServices implements WrittenServices {
  readonly gate: Gate;
  readonly #options: ConsulKvOptions;
  readonly #client: ConsulClient;
  #services: KeyedServices;
  #index = 0;
  #server = -1;

  constructor(options: ConsulKvOptions, client: ConsulClient, gate: Gate) {
    this.gate = gate;
    this.#options = options;
    this.#client = client;
    this.#services = new KeyedServices(options.defaultWeight);
  }

  service(name: string): WrittenService | undefined {
    return this.#services.service(name);
  }

  services(): Iterable<readonly [string, WrittenService]> {
    return this.#services.services();
  }

  deadline(fresh: boolean): number {
    const { wait, timeout } = this.#options;
    // Consul adds up to a sixteenth of the wait, so that watches do not all return together.
    return this.#waits(fresh) ? wait + wait / 16 + timeout : timeout;
  }

  close(): void {}

  /** Asks the next server as well when one fails at once. */
  async ask(fresh: boolean, signal: AbortSignal): Promise<{ value: CollectionChange; pause: number }> {
    for (let left = this.#client.servers - 1; ; left--) {
      try {
        return await this.#askOne(this.#waits(fresh), signal);
      } catch (error) {
        if (left <= 0 || signal.aborted) throw error;
      }
    }
  }

  /** An index that went backwards, or another server, means that the next question must not wait for the old index. */
  #waits(fresh: boolean): boolean {
    return !fresh && this.#index > 0 && this.#client.preferred === this.#server;
  }

  async #askOne(waits: boolean, signal: AbortSignal): Promise<{ value: CollectionChange; pause: number }> {
    const { prefix, datacenter, wait } = this.#options;
    const path = prefix.split('/').map(encodeURIComponent).join('/');
    const parameters = new URLSearchParams({ recurse: '' });
    if (datacenter !== null) parameters.set('dc', datacenter);
    if (waits) {
      parameters.set('index', String(this.#index));
      parameters.set('wait', `${Math.round(wait)}ms`);
    }
    const read = (answer: ConsulBody) => this.#read(answer);
    const question = { path: `/v1/kv/${path}?${parameters}`, scope: '', waits };
    const { value, index, server } = await this.#client.ask(question, read, signal);
    const doubt = this.#doubtAbout(index, server);
    const same = index !== 0 && index === this.#index && server === this.#server;
    if (!same) this.#services = value;
    this.#index = index < this.#index && server === this.#server ? 0 : index;
    this.#server = server;
    return { value: { changed: same ? new Set() : null, confirms: true, doubt }, pause: index === 0 ? POLL_MS : 0 };
  }

  #doubtAbout(index: number, server: number): string | undefined {
    if (this.#server < 0 || index === 0) return undefined;
    if (server !== this.#server) return 'the questions went over to another server';
    return index < this.#index ? `the index went back from ${this.#index} to ${index}` : undefined;
  }

  /** Null, in place of a list, says that there are no such keys. */
  #read(answer: ConsulBody): KeyedServices {
    const { filtered, anonymous } = answer;
    const body = jsonOf(answer);
    const services = new KeyedServices(this.#options.defaultWeight);
    if (body === null && (filtered || anonymous)) {
      throw answerError('left the keys out: discovery.consul_kv.token needs key:read on the prefix');
    }
    if (body === null) return services;
    if (!Array.isArray(body)) throw answerError('answered with something else than a list of keys');
    for (const item of body) {
      const { Key: key, Value: value } = (item ?? {}) as Readonly<Record<string, unknown>>;
      if (typeof key !== 'string') throw answerError('answered with an entry without a key');
      const text = typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
      services.put(key.slice(this.#options.prefix.length), text);
    }
    return services;
  }
}
