import { HeadgateError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { parseCatalog, parseHealth } from './consul-answer.ts';
import { type ConsulBody, ConsulClient } from './consul-client.ts';
import { type ConsulOptions, catalogPath, consulQueryFault, consulServers, healthPath } from './consul-options.ts';
import { Gate } from './gate.ts';
import { answerError } from './json-body.ts';
import type { CatalogEntry, CatalogSink, Discovery, Node, NodeSink, ServiceQuery } from './types.ts';
import { type Answer, type LoopTools, type Question, runWatch } from './watch-loop.ts';

/** A source whose answers carry no usable index can't make us wait: it is asked this often (ms). */
const POLL_MS = 1_000;

interface Told<T> {
  readonly value: T;
  readonly doubt: string | undefined;
}

/**
 * Consul over its HTTP API: one blocking query per service, and one for the catalogue.
 *
 * What Consul tells and does not tell: a service that nobody registered is an empty list, the same as one whose last
 * instance is gone. Where ACLs deny by default, a question without a token is answered 200 with an empty list as well, not
 * 403: that is taken for a failure, unless nodes were shown to it before.
 */
export class ConsulDiscovery implements Discovery, Closable {
  readonly type = 'consul';
  readonly #options: ConsulOptions;
  readonly #tools: LoopTools;
  readonly #log: Log;
  readonly #client: ConsulClient;
  readonly #direct: Gate;
  readonly #watches: Gate;

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: ConsulOptions, tools: LoopTools, log: Log) {
    this.#options = options;
    this.#tools = tools;
    this.#log = log;
    this.#client = new ConsulClient(
      consulServers(options.servers),
      options.token,
      options.concurrency,
      options.connectTimeout,
    );
    this.#direct = new Gate(options.concurrency);
    this.#watches = new Gate(options.maxWatches);
  }

  async watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    await null;
    const fault = consulQueryFault(query);
    if (fault !== null) {
      if (!signal.aborted) sink.fail(new HeadgateError(fault, { code: 'CONFIG_INVALID', source: 'self' }));
      return untilAborted(signal);
    }
    if (this.#watches.full && !signal.aborted) sink.fail(tooManyWatches(this.#options.maxWatches));
    if (!(await this.#watches.enter(signal))) return;
    try {
      const position = new Position<readonly Node[]>(healthPath(this.#options, query), this.#client, this.#options);
      const read = this.#nodeReader(query.service);
      await runWatch(this.#question(position, read, sink), this.#tools, signal);
    } finally {
      this.#watches.leave();
    }
  }

  async watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    await null;
    const position = new Position<readonly CatalogEntry[]>(catalogPath(this.#options), this.#client, this.#options);
    const read = (answer: ConsulBody) => {
      const entries = parseCatalog(answer.body);
      if (entries.length === 0 && answer.anonymous) throw tokenNeeded();
      return entries;
    };
    await runWatch(this.#question(position, read, sink), this.#tools, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #question<T>(
    position: Position<T>,
    read: (answer: ConsulBody) => T,
    sink: { set(value: T, doubt?: string): void; fail(error: HeadgateError): void },
  ): Question<Told<T>> {
    const { wait, timeout } = this.#options;
    return {
      gate: this.#direct,
      ask: (fresh, signal) => position.ask(fresh, read, signal),
      // Consul adds up to a sixteenth of the wait, so that watches do not all return together.
      deadline: (fresh) => (position.waits(fresh) ? wait + wait / 16 + timeout : timeout),
      deliver: (told) => sink.set(told.value, told.doubt),
      fail: (error) => sink.fail(error),
    };
  }

  #nodeReader(service: string): (answer: ConsulBody) => readonly Node[] {
    let reported = '';
    let seen = false;
    return (answer) => {
      const { nodes, unusable } = parseHealth(answer.body, this.#options.defaultWeight);
      if (nodes.length === 0 && answer.filtered) {
        throw answerError(
          'left the instances out: the ACL token may not see them and needs service:read and node:read',
        );
      }
      seen ||= nodes.length > 0;
      // Once nodes were shown without a token, an empty answer means that there are none.
      if (!seen && answer.anonymous) throw tokenNeeded();
      const report = unusable.join('; ');
      if (report !== reported && report !== '') {
        this.#log.warn('discovery.unusable-instance', `consul ${service}: left out: ${report}`, { service });
      }
      reported = report;
      return nodes;
    };
  }
}

function tokenNeeded(): HeadgateError {
  return answerError(
    'shows nothing: its ACLs deny by default and there is no token; set discovery.consul.token to one with service:read and node:read',
  );
}

/** Where one watch stands in Consul's history: the index, and which server gave it. */
class Position<T> {
  readonly #path: string;
  readonly #client: ConsulClient;
  readonly #wait: number;
  #index = 0;
  #server = -1;

  constructor(path: string, client: ConsulClient, options: ConsulOptions) {
    this.#path = path;
    this.#client = client;
    this.#wait = options.wait;
  }

  /** An index that went backwards, or another server, means that the next question must not wait for the old index. */
  waits(fresh: boolean): boolean {
    return !fresh && this.#index > 0 && this.#client.preferred === this.#server;
  }

  /** Asks the next server as well when one fails at once. */
  async ask(fresh: boolean, read: (answer: ConsulBody) => T, signal: AbortSignal): Promise<Answer<Told<T>>> {
    for (let left = this.#client.servers - 1; ; left--) {
      try {
        return await this.#askOne(this.waits(fresh), read, signal);
      } catch (error) {
        if (left <= 0 || signal.aborted) throw error;
      }
    }
  }

  async #askOne(waits: boolean, read: (answer: ConsulBody) => T, signal: AbortSignal): Promise<Answer<Told<T>>> {
    const suffix = waits ? `&index=${this.#index}&wait=${Math.round(this.#wait)}ms` : '';
    const { value, index, server } = await this.#client.ask(this.#path + suffix, waits, read, signal);
    const doubt = this.#doubtAbout(index, server);
    this.#index = index < this.#index && server === this.#server ? 0 : index;
    this.#server = server;
    return { value: { value, doubt }, pause: index === 0 ? POLL_MS : 0 };
  }

  #doubtAbout(index: number, server: number): string | undefined {
    if (this.#server < 0 || index === 0) return undefined;
    if (server !== this.#server) return 'the questions went over to another server';
    return index < this.#index ? `the index went back from ${this.#index} to ${index}` : undefined;
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function tooManyWatches(limit: number): HeadgateError {
  const message =
    `more than ${limit} Consul services are wanted and each holds a connection: raise discovery.consul.max_watches, ` +
    "and Consul's limits.http_max_conns_per_client with it";
  return new HeadgateError(message, { code: 'DISCOVERY_LIMIT', source: 'self' });
}
