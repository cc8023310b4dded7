import type { Log } from '../core/log.ts';
import { Collection } from './collection.ts';
import { EtcdClient, type EtcdOptions } from './etcd-client.ts';
import { EtcdServices } from './etcd-services.ts';
import type { LoopTools } from './watch-loop.ts';
import { WrittenDiscovery } from './written-discovery.ts';

/** Node lists in etcd: one watch on the prefix for all services. */
export class EtcdDiscovery extends WrittenDiscovery {
  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: EtcdOptions, tools: LoopTools, log: Log) {
    const client = new EtcdClient(options);
    super('etcd', new Collection(() => new EtcdServices(options, client, tools.clock), tools), log, client);
  }
}
