import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { Collection } from './collection.ts';
import { EtcdClient, type EtcdOptions } from './etcd-client.ts';
import { EtcdServices } from './etcd-services.ts';
import type { CatalogSink, Discovery, NodeSink, ServiceQuery } from './types.ts';
import type { LoopTools } from './watch-loop.ts';
import { followCatalog, followWritten, type WrittenServices } from './written-services.ts';

/** Node lists in etcd: one watch on the prefix for all services. */
export class EtcdDiscovery implements Discovery, Closable {
  readonly type = 'etcd';
  readonly #log: Log;
  readonly #client: EtcdClient;
  readonly #services: Collection<WrittenServices>;

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: EtcdOptions, tools: LoopTools, log: Log) {
    this.#log = log;
    this.#client = new EtcdClient(options);
    this.#services = new Collection(() => new EtcdServices(options, this.#client, tools.clock), tools);
  }

  watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    return followWritten(this.#services, query, sink, this.#log, signal);
  }

  watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    return followCatalog(this.#services, sink, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
