import { HeadgateError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Collection, CollectionSource } from './collection.ts';
import { catalogEntryOf, type WrittenNodes } from './node-list.ts';
import { anyArgument, refuseQuery } from './query-fault.ts';
import type { CatalogEntry, CatalogSink, NodeSink, ServiceQuery } from './types.ts';
import { UnusableReport } from './unusable-report.ts';

/** The nodes of a service that somebody has written down, or why they can't be read. */
export type WrittenService = WrittenNodes | { readonly fault: string };

/** Services with the nodes that are written down for them. */
export interface WrittenServices extends CollectionSource {
  /** Undefined for a service of which nothing is written. */
  service(name: string): WrittenService | undefined;
  services(): Iterable<readonly [name: string, service: WrittenService]>;
}

/** Follows one service of a collection. Settles after `signal` aborts. */
export async function followWritten(
  collection: Collection<WrittenServices>,
  query: ServiceQuery,
  sink: NodeSink,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  await null;
  const fault = anyArgument(query);
  if (fault !== null) return refuseQuery(fault, sink, signal);
  const report = new UnusableReport(log, query.source, query.service);
  const update = (source: WrittenServices, _changed: boolean, doubt: string | undefined) => {
    const service = source.service(query.service) ?? { nodes: [], unusable: [] };
    const wrong = faultOf(service);
    if (wrong !== null) return sink.fail(new HeadgateError(wrong, { code: 'DISCOVERY_ANSWER', source: 'upstream' }));
    const { nodes, unusable } = service as WrittenNodes;
    report.tell(unusable);
    sink.set(nodes, doubt);
  };
  await collection.follow(query.service, { update, fail: (error) => sink.fail(error) }, signal);
}

/**
 * Follows the names of all services, and what their nodes say about routes; a service that can't be read now is as it was.
 * Settles after `signal` aborts.
 */
export async function followCatalog(
  collection: Collection<WrittenServices>,
  sink: CatalogSink,
  signal: AbortSignal,
): Promise<void> {
  await null;
  let last = new Map<string, CatalogEntry>();
  const update = (source: WrittenServices, _changed: boolean, doubt: string | undefined) => {
    const entries = new Map<string, CatalogEntry>();
    for (const [name, service] of source.services()) {
      const readable = 'nodes' in service && faultOf(service) === null;
      const entry = readable ? catalogEntryOf(name, service.nodes) : (last.get(name) ?? { service: name, tags: [] });
      entries.set(name, entry);
    }
    last = entries;
    sink.set([...entries.values()], doubt);
  };
  await collection.follow(null, { update, fail: (error) => sink.fail(error) }, signal);
}

/** One bad node among good ones is left out; where none is good, what is known stays in force. */
function faultOf(service: WrittenService): string | null {
  if ('fault' in service) return service.fault;
  const { nodes, unusable } = service;
  return nodes.length === 0 && unusable.length > 0 ? `there is no node that can be used: ${unusable[0]}` : null;
}
