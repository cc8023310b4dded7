import type { Log } from '../core/log.ts';
import { Collection } from './collection.ts';
import { type FileOptions, FileServices } from './file-services.ts';
import type { LoopTools } from './watch-loop.ts';
import { WrittenDiscovery } from './written-discovery.ts';

/** Node lists in the files of a directory, in the format of Prometheus' file_sd: a service is a file. */
export class FileDiscovery extends WrittenDiscovery {
  constructor(options: FileOptions, tools: LoopTools, log: Log) {
    super('file', new Collection(() => new FileServices(options, tools.clock), tools), log, null);
  }
}
