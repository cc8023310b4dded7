import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import type { Collection } from './collection.ts';
import type { CatalogSink, Discovery, NodeSink, ServiceQuery } from './types.ts';
import { followCatalog, followWritten, type WrittenServices } from './written-services.ts';

/** A registry in which node lists are written down: one collection of them serves every watch. */
export class WrittenDiscovery implements Discovery, Closable {
  readonly type: string;
  readonly #services: Collection<WrittenServices>;
  readonly #log: Log;
  readonly #client: Closable | null;

  /** `client` is closed with it; null where watches end with their signals, and nothing is left to release. */
  constructor(type: string, services: Collection<WrittenServices>, log: Log, client: Closable | null) {
    this.type = type;
    this.#services = services;
    this.#log = log;
    this.#client = client;
  }

  watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    return followWritten(this.#services, query, sink, this.#log, signal);
  }

  watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    return followCatalog(this.#services, sink, signal);
  }

  async close(deadline: number): Promise<void> {
    await this.#client?.close(deadline);
  }
}
