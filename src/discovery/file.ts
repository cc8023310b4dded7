import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { Collection } from './collection.ts';
import { type FileOptions, FileServices } from './file-services.ts';
import type { CatalogSink, Discovery, NodeSink, ServiceQuery } from './types.ts';
import type { LoopTools } from './watch-loop.ts';
import { followCatalog, followWritten, type WrittenServices } from './written-services.ts';

/** Node lists in the files of a directory, in the format of Prometheus' file_sd: a service is a file. */
export class FileDiscovery implements Discovery, Closable {
  readonly type = 'file';
  readonly #log: Log;
  readonly #services: Collection<WrittenServices>;

  constructor(options: FileOptions, tools: LoopTools, log: Log) {
    this.#log = log;
    this.#services = new Collection(() => new FileServices(options, tools.clock), tools);
  }

  watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    return followWritten(this.#services, query, sink, this.#log, signal);
  }

  watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    return followCatalog(this.#services, sink, signal);
  }

  /** Watches end with their signals: there is nothing else to release. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
