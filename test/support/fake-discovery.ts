import { HeadgateError } from '../../src/core/errors.ts';
import {
  type CatalogSink,
  type Discovery,
  type NodeSink,
  type ServiceQuery,
  sourceKey,
} from '../../src/discovery/types.ts';

/** A source that says what the test tells it to. */
export class FakeDiscovery implements Discovery {
  readonly type = 'fake';
  readonly sinks = new Map<string, NodeSink>();
  catalog: CatalogSink | null = null;
  /** How often a watch was started. */
  started = 0;

  watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    this.started += 1;
    this.sinks.set(sourceKey(query), sink);
    return ended(signal, () => this.sinks.delete(sourceKey(query)));
  }

  watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    this.catalog = sink;
    return ended(signal, () => (this.catalog = null));
  }

  /** The sink of a watched service. */
  of(query: ServiceQuery): NodeSink {
    const sink = this.sinks.get(sourceKey(query));
    if (!sink) throw new Error(`${query.service} is not watched`);
    return sink;
  }
}

export function outage(message = 'no answer'): HeadgateError {
  return new HeadgateError(message, { code: 'DISCOVERY_UNREACHABLE', source: 'upstream' });
}

function ended(signal: AbortSignal, then: () => void): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      then();
      resolve();
    };
    signal.addEventListener('abort', finish, { once: true });
  });
}
