import { HeadgateError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { Collection } from './collection.ts';
import { EurekaFeed } from './eureka-feed.ts';
import { catalogOf, type EurekaNodes, nodesOf } from './eureka-nodes.ts';
import { type EurekaOptions, eurekaQueryFault, type PortChoice } from './eureka-options.ts';
import { refuseQuery } from './query-fault.ts';
import { RegistryClient, registryUrls } from './registry-client.ts';
import type { CatalogEntry, CatalogSink, Discovery, NodeSink, ServiceQuery } from './types.ts';
import { UnusableReport } from './unusable-report.ts';
import type { LoopTools } from './watch-loop.ts';

/** Eureka answers whole and one question at a time. */
const CONNECTIONS = 2;

/**
 * Eureka over its REST API: one question for all services, every `fetchInterval`.
 *
 * Eureka is slow to forget on purpose: an instance that died stays listed until its lease has ended, and for as long as
 * the server preserves itself. That is reported, and only active checks find the dead ones sooner.
 */
export class EurekaDiscovery implements Discovery, Closable {
  readonly type = 'eureka';
  readonly #options: EurekaOptions;
  readonly #log: Log;
  readonly #client: RegistryClient;
  readonly #feed: Collection<EurekaFeed>;
  #preserving = false;

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: EurekaOptions, tools: LoopTools, log: Log) {
    this.#options = options;
    this.#log = log;
    const limits = { connect: options.connectTimeout, read: options.readTimeout, connections: CONNECTIONS };
    const urls = registryUrls(options.servers, 'discovery.eureka.host', options.prefix);
    const client = new RegistryClient('Eureka', urls, limits, tools.clock);
    this.#client = client;
    const heard = (feed: EurekaFeed) => this.#reportPreservation(feed);
    this.#feed = new Collection(() => new EurekaFeed(client, options, tools, heard), tools);
  }

  async watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    await null;
    const fault = eurekaQueryFault(query);
    if (fault !== null) return refuseQuery(fault, sink, signal);
    const name = query.service.toUpperCase();
    const choice = (query.args.port ?? null) as PortChoice;
    const weight = this.#options.defaultWeight;
    const report = new UnusableReport(this.#log, 'eureka', query.service);
    let found: EurekaNodes | null = null;
    const follower = {
      update: (feed: EurekaFeed, changed: boolean, doubt: string | undefined) => {
        if (changed || !found) found = nodesOf(feed.of(name), feed.overdue, choice, weight);
        const { nodes, unusable } = found;
        if (nodes.length === 0 && unusable.length > 0) return sink.fail(unusableAnswer(unusable[0]!));
        report.tell(unusable);
        sink.set(nodes, doubt);
      },
      fail: (error: HeadgateError) => sink.fail(error),
    };
    await this.#feed.follow(name, follower, signal);
  }

  async watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    await null;
    let entries: readonly CatalogEntry[] | null = null;
    const follower = {
      update: (feed: EurekaFeed, changed: boolean, doubt: string | undefined) => {
        if (changed || !entries) entries = catalogOf(feed.applications);
        sink.set(entries, doubt);
      },
      fail: (error: HeadgateError) => sink.fail(error),
    };
    await this.#feed.follow(null, follower, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #reportPreservation({ overdue, total }: EurekaFeed): void {
    if (overdue.size > 0 === this.#preserving) return;
    this.#preserving = overdue.size > 0;
    if (!this.#preserving) {
      return this.#log.info('discovery.self-preservation-over', 'eureka: every listed instance renews its lease again');
    }
    const some = [...overdue].slice(0, 5).map(({ app, id }) => `${app}/${id}`);
    const text =
      `eureka: ${overdue.size} of ${total} instances no longer renew their lease and are listed all the same: the ` +
      'server preserves itself; active checks find out which of them are dead';
    this.#log.warn('discovery.self-preservation', text, { overdue: overdue.size, total, some });
  }
}

function unusableAnswer(first: string): HeadgateError {
  const message = `Eureka answered with no instance that can be used: ${first}`;
  return new HeadgateError(message, { code: 'DISCOVERY_ANSWER', source: 'upstream' });
}
