import type { HeadgateError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { parseCatalog, parseHealth, parsePreparedQuery } from './consul-answer.ts';
import { type ConsulBody, ConsulClient, jsonOf } from './consul-client.ts';
import { type ConsulOptions, consulServers } from './consul-options.ts';
import { ConsulPosition, type Told } from './consul-position.ts';
import { type ConsulLookup, catalogQuestion, consulLookup } from './consul-query.ts';
import { withDeadline } from './deadline.ts';
import { Gate } from './gate.ts';
import { answerError } from './json-body.ts';
import { type Poll, PollRound } from './poll-round.ts';
import { QueryFault, refuseQuery } from './query-fault.ts';
import type { CatalogEntry, CatalogSink, Discovery, Node, NodeSink, ServiceQuery } from './types.ts';
import { asDiscoveryError, type LoopTools, type Question, runWatch } from './watch-loop.ts';

type Read<T> = (answer: ConsulBody) => T;

interface Sink<T> {
  set(value: T, doubt?: string): void;
  fail(error: HeadgateError): void;
}

/**
 * Consul over its HTTP API: one blocking query per service, and one for the catalogue. Services above the limit of watches
 * are polled in turn until there is room, prepared queries always are: Consul answers them at once.
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
  readonly #surplus: PollRound;
  readonly #prepared: PollRound;
  #surplusTold = false;

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: ConsulOptions, tools: LoopTools, log: Log) {
    const { servers, concurrency, pollInterval: interval, pollRate: rate } = options;
    this.#options = options;
    this.#tools = tools;
    this.#log = log;
    this.#client = new ConsulClient(consulServers(servers), options, log);
    this.#direct = new Gate(concurrency);
    this.#watches = new Gate(options.maxWatches);
    this.#surplus = new PollRound({ interval, rate, gate: this.#direct }, tools);
    this.#prepared = new PollRound({ interval, rate, gate: this.#direct }, tools);
  }

  async watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    await null;
    const lookup = consulLookup(this.#options, query);
    if (lookup instanceof QueryFault) return refuseQuery(lookup, sink, signal);
    const position = new ConsulPosition<readonly Node[]>(lookup, this.#client, this.#options.wait);
    const read = this.#nodeReader(query.service, lookup);
    if (lookup.prepared) return this.#prepared.follow(this.#poll(position, read, sink), signal);
    if (!(await this.#enter(this.#poll(position, read, sink), signal))) return;
    try {
      await runWatch(this.#question(position, read, sink), this.#tools, signal);
    } finally {
      this.#watches.leave();
    }
  }

  async watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    await null;
    const { wait } = this.#options;
    const position = new ConsulPosition<readonly CatalogEntry[]>(catalogQuestion(this.#options), this.#client, wait);
    const read = (answer: ConsulBody) => {
      const entries = parseCatalog(jsonOf(answer));
      if (entries.length === 0 && answer.anonymous) throw tokenNeeded();
      return entries;
    };
    await runWatch(this.#question(position, read, sink), this.#tools, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Gets a place among the watches, and polls until there is one. False when `signal` aborted first. */
  async #enter(poll: Poll, signal: AbortSignal): Promise<boolean> {
    if (!this.#watches.full) return this.#watches.enter(signal);
    this.#tellSurplus();
    const waiting = new AbortController();
    const polling = this.#surplus.follow(poll, AbortSignal.any([signal, waiting.signal]));
    const entered = await this.#watches.enter(signal);
    waiting.abort();
    await polling;
    return entered;
  }

  #tellSurplus(): void {
    if (this.#surplusTold) return;
    this.#surplusTold = true;
    const { maxWatches, pollInterval, pollRate } = this.#options;
    const seconds = pollInterval / 1000;
    const text =
      `more than ${maxWatches} Consul services are wanted, and each watch holds a connection: the others are polled, each ` +
      `every ${seconds} s or, when they are more than ${Math.floor(seconds * pollRate)}, less often; to watch more raise ` +
      "discovery.consul.max_watches, and Consul's limits.http_max_conns_per_client with it";
    this.#log.warn('discovery.polled', text, { max_watches: maxWatches });
  }

  #poll<T>(position: ConsulPosition<T>, read: Read<T>, sink: Sink<T>): Poll {
    const { timeout } = this.#options;
    return async (signal) => {
      try {
        const ask = (limited: AbortSignal) => position.ask(true, read, limited);
        const { value: told } = await withDeadline(this.#tools.clock, timeout, signal, ask);
        if (!signal.aborted) sink.set(told.value, told.doubt);
      } catch (error) {
        if (!signal.aborted) sink.fail(asDiscoveryError(error));
      }
    };
  }

  #question<T>(position: ConsulPosition<T>, read: Read<T>, sink: Sink<T>): Question<Told<T>> {
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

  #nodeReader(service: string, { prepared, rules }: ConsulLookup): Read<readonly Node[]> {
    const parse = prepared ? parsePreparedQuery : parseHealth;
    let reported = '';
    let seen = false;
    return (answer) => {
      const { nodes, unusable } = parse(jsonOf(answer), rules);
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
