import { HeadgateError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { Collection } from './collection.ts';
import { type EndpointSlice, nodesOfSlices, readSlice, SERVICE_LABEL, type SliceNodes } from './endpoint-slices.ts';
import { Gate } from './gate.ts';
import { answerError } from './json-body.ts';
import { KubernetesClient, type KubernetesResource } from './kubernetes-client.ts';
import { KubernetesCollection, type KubernetesCollectionParts } from './kubernetes-collection.ts';
import {
  type KubernetesOptions,
  type KubernetesService,
  namespaceFilter,
  readServiceName,
} from './kubernetes-options.ts';
import { kubernetesAccess } from './kubernetes-place.ts';
import { catalogOf, type RoutedService, readService } from './kubernetes-services.ts';
import { QueryFault, refuseQuery } from './query-fault.ts';
import type { CatalogSink, Discovery, Node, NodeSink, ServiceQuery } from './types.ts';
import { UnusableReport } from './unusable-report.ts';
import type { LoopTools } from './watch-loop.ts';

type Slices = KubernetesCollection<EndpointSlice>;
type Services = KubernetesCollection<RoutedService>;

/**
 * The services of a Kubernetes cluster, from its EndpointSlices. A service that is not there is an empty set, as is one
 * without pods.
 */
export class KubernetesDiscovery implements Discovery, Closable {
  readonly type = 'kubernetes';
  /** There only where Services are to be watched: that takes a right of its own. */
  readonly watchCatalog?: (sink: CatalogSink, signal: AbortSignal) => Promise<void>;
  readonly #options: KubernetesOptions;
  readonly #tools: LoopTools;
  readonly #log: Log;
  readonly #client: KubernetesClient;
  readonly #gate: Gate;
  readonly #selected: (namespace: string) => boolean;
  /** By namespace; empty for the whole cluster. */
  readonly #slices = new Map<string, Collection<Slices>>();
  readonly #services: Collection<Services>;

  /** Throws CONFIG_INVALID when the cluster can't be reached as it is described. */
  constructor(
    options: KubernetesOptions,
    environment: Readonly<Record<string, string | undefined>>,
    tools: LoopTools,
    log: Log,
  ) {
    this.#options = options;
    this.#tools = tools;
    this.#log = log;
    this.#selected = namespaceFilter(options.namespaces);
    this.#client = new KubernetesClient(kubernetesAccess(options.place, environment), options.connectTimeout);
    this.#gate = new Gate(options.concurrency);
    this.#services = new Collection(() => this.#serviceCollection(), tools);
    if (options.autoRoutes) this.watchCatalog = (sink, signal) => this.#watchServices(sink, signal);
  }

  async watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    await null;
    const service = readServiceName(query);
    if (service instanceof QueryFault) return refuseQuery(service, sink, signal);
    if (!this.#selected(service.namespace)) {
      const remedy = 'see discovery.kubernetes.namespace_selector';
      return refuseQuery(new QueryFault(null, `"${query.service}" is in no selected namespace`, remedy), sink, signal);
    }
    const reader = new ServiceReader(service, this.#options.defaultWeight, sink, this.#log);
    const scope = this.#options.scope === 'cluster' ? '' : service.namespace;
    const slices = this.#collection(scope);
    const following = [
      slices.follow(
        service.key,
        {
          update: (source, changed, doubt) => reader.slices(source, changed, doubt),
          fail: (error) => reader.fail(error),
        },
        signal,
      ),
    ];
    if (this.#options.autoRoutes) {
      // Without the right to see Services the nodes are followed all the same: the catalogue tells what is missing.
      const follower = { update: (source: Services) => reader.services(source), fail: () => {} };
      following.push(this.#services.follow(service.key, follower, signal));
    }
    await Promise.all(following);
    if (slices.idle && this.#slices.get(scope) === slices) this.#slices.delete(scope);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #watchServices(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    await null;
    const update = (source: Services, _changed: boolean, doubt?: string) => sink.set(catalogOf(source.all()), doubt);
    await this.#services.follow(null, { update, fail: (error) => sink.fail(error) }, signal);
  }

  #collection(scope: string): Collection<Slices> {
    let collection = this.#slices.get(scope);
    if (!collection) {
      const resource = this.#resource('/apis/discovery.k8s.io/v1', 'discovery.k8s.io', 'endpointslices', scope);
      const labelSelector = [SERVICE_LABEL, this.#options.labelSelector].filter((part) => part !== null).join(',');
      const parts = { ...this.#parts(), resource: { ...resource, labelSelector }, read: readSlice };
      collection = new Collection(() => new KubernetesCollection(parts), this.#tools);
      this.#slices.set(scope, collection);
    }
    return collection;
  }

  #serviceCollection(): Services {
    const resource = this.#resource('/api/v1', '', 'services', this.#options.namespaces.equal ?? '');
    const read: typeof readService = (object, name) =>
      this.#selected(name.slice(0, name.indexOf('/'))) ? readService(object, name) : null;
    return new KubernetesCollection({ ...this.#parts(), resource, read });
  }

  #parts(): Omit<KubernetesCollectionParts<never>, 'resource' | 'read'> {
    const { timeout, watchTimeout } = this.#options;
    return { client: this.#client, gate: this.#gate, clock: this.#tools.clock, timeout, watchTimeout };
  }

  #resource(base: string, group: string, plural: string, scope: string): KubernetesResource {
    const { labelSelector, namespaces } = this.#options;
    const excluded = scope === '' && namespaces.notEqual !== null ? `metadata.namespace!=${namespaces.notEqual}` : null;
    return { base, group, plural, namespace: scope === '' ? null : scope, labelSelector, fieldSelector: excluded };
  }
}

/** Makes the nodes of one service out of its slices and the tags of its Service. */
class ServiceReader {
  readonly #service: KubernetesService;
  readonly #weight: number;
  readonly #sink: NodeSink;
  readonly #report: UnusableReport;
  #slices: Slices | null = null;
  #nodes: readonly Node[] = [];
  /** Why there are no nodes to tell of, as long as the slices are as they are. */
  #fault: HeadgateError | null = null;
  #tags: readonly string[] = [];
  #failing = false;

  constructor(service: KubernetesService, weight: number, sink: NodeSink, log: Log) {
    this.#service = service;
    this.#weight = weight;
    this.#sink = sink;
    this.#report = new UnusableReport(log, 'kubernetes', service.key);
  }

  slices(source: Slices, changed: boolean, doubt: string | undefined): void {
    this.#slices = source;
    this.#failing = false;
    this.#tell(changed, doubt);
  }

  services(source: Services): void {
    const [entry] = source.of(this.#service.key);
    const tags = entry?.tags ?? [];
    if (tags === this.#tags) return;
    this.#tags = tags;
    if (!this.#failing) this.#tell(true, undefined);
  }

  fail(error: HeadgateError): void {
    this.#failing = true;
    this.#sink.fail(error);
  }

  #tell(changed: boolean, doubt: string | undefined): void {
    if (this.#slices === null) return;
    const { key, choice } = this.#service;
    if (changed) {
      const found = nodesOfSlices(this.#slices.of(key), choice, this.#weight, this.#tags);
      this.#fault = faultOf(found, this.#service);
      const missing =
        found.ports === null ? [] : [`there is no port "${choice.port ?? ''}" among ${found.ports.join(', ')}`];
      this.#report.tell([...(this.#fault ? [] : missing), ...found.unusable]);
      this.#nodes = found.nodes;
    }
    if (this.#fault) this.#sink.fail(this.#fault);
    else this.#sink.set(this.#nodes, doubt);
  }
}

/** With endpoints of which none can be used, what is known stays in force. */
function faultOf({ nodes, ports, unusable }: SliceNodes, { key, choice }: KubernetesService): HeadgateError | null {
  if (ports !== null && choice.port === null) return ambiguous(key, ports);
  if (nodes.length > 0 || unusable.length === 0) return null;
  return answerError(`the service ${key} has no endpoint that can be used: ${unusable[0]}`);
}

function ambiguous(key: string, ports: readonly string[]): HeadgateError {
  const message = `the service ${key} has the ports ${ports.join(', ')}: write service_name "${key}:${ports[0]}"`;
  return new HeadgateError(message, { code: 'CONFIG_INVALID', source: 'self' });
}
