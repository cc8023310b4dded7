import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { AdminServer } from '../admin/server.ts';
import type { AdminViews } from '../admin/views.ts';
import type { Document } from '../config/types.ts';
import { type Address, parseAddress } from '../core/address.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import { type Closable, Scope } from '../core/scope.ts';
import { Catalogs } from '../discovery/catalogs.ts';
import { LastGoodCache } from '../discovery/last-good-cache.ts';
import { NodeSets } from '../discovery/node-sets.ts';
import { allocateSessionOwners, clearSessionOwners } from '../l4/session-owners.ts';
import { allocateSourceCounts, clearSourceCounts } from '../l4/source-counts.ts';
import { Exposition } from '../telemetry/exposition.ts';
import type { NodeAlarm } from '../upstream/handle.ts';
import type { DataPathSettings, WorkerSeed } from '../worker/protocol.ts';
import { GatewayAdminViews } from './admin-views.ts';
import { AutoRouter } from './auto-router.ts';
import { connectionCap } from './connection-cap.ts';
import { type Definitions, defineResources } from './definitions.ts';
import { createDiscoveries, guardOptions, startRegistry, type Tools } from './discoveries.ts';
import { startDns } from './dns-out.ts';
import { GatewayMetrics } from './gateway-metrics.ts';
import { HistoryFile } from './history-file.ts';
import { httpListenerOptions, tcpListenerOptions } from './listener-options.ts';
import { type ListenerPlans, planListeners } from './listeners.ts';
import type { NodeHistory } from './node-history.ts';
import { NodeOverrides } from './node-overrides.ts';
import { OverridesFile } from './overrides-file.ts';
import { PemFiles } from './pem-files.ts';
import { Planning } from './planning.ts';
import { Readiness } from './readiness.ts';
import { createRegistrars } from './registrars.ts';
import { ReloadRecord } from './reload-record.ts';
import { SelfRegistration } from './self-registration.ts';
import type { StateOfGateway } from './state-of-gateway.ts';
import { staticChanges } from './static-settings.ts';
import { Statistics } from './statistics.ts';
import { TicketKeys } from './ticket-keys.ts';
import { WorkerPool } from './worker-pool.ts';

const SECOND = 1000;

export interface GatewayOptions extends Tools {
  readonly document: Document;
  /** Where last good node sets and registrations are kept; null keeps nothing. */
  readonly stateDirectory: string | null;
  readonly version: string;
}

/** Where a running gateway can be reached. */
export interface GatewayAddresses {
  readonly http: readonly Address[];
  readonly tcp: readonly Address[];
  readonly udp: readonly Address[];
  readonly admin: Address;
  /** Null when there is no DNS listener. */
  readonly dns: Address | null;
  readonly registryUrl: string | null;
}

/** The composition root: builds every part of the control thread, connects them, and owns them. */
export class Gateway implements Closable {
  readonly reloads: ReloadRecord;
  readonly #options: GatewayOptions;
  readonly #scope = new Scope();
  #addresses: GatewayAddresses | null = null;
  readonly #pem: PemFiles;
  /** The configuration in force. */
  #document: Document;
  #planning: Planning | null = null;
  #pool: WorkerPool | null = null;
  #readiness: Readiness | null = null;
  #views: AdminViews | null = null;
  #registration: SelfRegistration | null = null;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    this.reloads = new ReloadRecord(options.clock);
    this.#document = options.document;
    this.#pem = this.#scope.own(new PemFiles(options.clock, () => this.#certificateChanged()));
  }

  /** Starts a gateway. Rejects with a HeadgateError that names the place and the remedy; nothing is left running then. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    try {
      await gateway.#start();
      return gateway;
    } catch (error) {
      await gateway.close(options.clock.now());
      throw error;
    }
  }

  get addresses(): GatewayAddresses {
    if (!this.#addresses) throw new Error('the gateway has not started');
    return this.#addresses;
  }

  get views(): AdminViews {
    if (!this.#views) throw new Error('the gateway has not started');
    return this.#views;
  }

  /** Connections that a close had to cut. */
  get cut(): number {
    return this.#pool?.cut ?? 0;
  }

  /**
   * Applies another configuration as a diff. What can't change while running is reported and stays. Throws a HeadgateError, and
   * changes nothing, when a certificate in it is no good.
   */
  reload(document: Document): void {
    const { document: running, log } = this.#options;
    const definitions = this.#define(document);
    this.#document = document;
    for (const key of staticChanges(running, document)) {
      log.warn('config.restart-needed', `a change of "${key}" takes effect at the next start`, { key });
    }
    this.#planning?.define(definitions);
  }

  /** What was read at the start only stays as it was then. */
  #define(document: Document): Definitions {
    const { discovery, stream_listen } = this.#options.document;
    return defineResources({ ...document, discovery, stream_listen }, this.#pem);
  }

  #certificateChanged(): void {
    const { log } = this.#options;
    try {
      this.#planning?.define(this.#define(this.#document));
      log.info('certificate.reloaded', 'certificates were read again');
    } catch (error) {
      log.error('certificate.refused', `the certificates in use stay: ${reasonOf(error)}`);
    }
  }

  /** Tells load balancers in front to look elsewhere; traffic is served as before. */
  announceShutdown(): void {
    this.#readiness?.drain();
  }

  /** Takes this Headgate itself out of the registries, by `deadline` at the latest. */
  async deregister(deadline: number): Promise<void> {
    await this.#registration?.deregister(deadline);
  }

  reopenLogs(): void {
    this.#pool?.reopenLogs();
  }

  close(deadline: number): Promise<void> {
    this.#planning?.assembly.close();
    return this.#scope.close(deadline);
  }

  /** Brings the deadline of a close that is under way forward to now. */
  cutNow(): void {
    this.#pool?.cutNow();
  }

  async #start(): Promise<void> {
    const { document, clock, random, log } = this.#options;
    const { listeners, workers } = await this.#planWorkers();
    const statistics = new Statistics(workers, clock.now());
    const registryUrl = await startRegistry(document, this.#options.stateDirectory, this.#scope, this.#options);
    const { nodeSets, catalogs, discoveries } = await this.#discover(registryUrl);
    const overrides = await this.#overrides();
    const history = await this.#history();
    const planning = this.#scope.own(
      new Planning({
        ...{ clock, random, log, statistics, nodeSets, history, overrides },
        publish: (patch) => this.#pool?.publish(patch),
        workers: () => this.#pool?.alive() ?? [],
      }),
    );
    this.#planning = planning;
    const { assembly, publisher, monitor, supervision } = planning;
    if (document.stream_listen.some(({ tls }) => tls)) {
      this.#scope.own(new TicketKeys(clock, (key) => publisher.replaceTicketKey(key)));
    }
    const autoRouter = new AutoRouter({ nodeSets, catalogs, assembly, settings: document.discovery, discoveries, log });
    assembly.setFile(this.#define(document));
    autoRouter.start();
    assembly.flush();

    const readyTimeout = document.discovery.ready_timeout * SECOND;
    const readiness = new Readiness(clock, readyTimeout, () => autoRouter.waitingFor());
    const pool = this.#workerPool(workers, statistics, listeners, planning);
    const { reloads } = this;
    const admin = this.#admin({
      ...{ clock, statistics, publisher, assembly, autoRouter, nodeSets, catalogs, monitor, supervision },
      ...{ listeners, pool, readiness, reloads, history, overrides, log },
    });
    const adminAddress = await admin.start();
    const dns = await startDns({ ...this.#options, statistics, nodeSets, publisher, assembly }, this.#scope);
    this.#pool = this.#scope.own(pool);
    this.#readiness = readiness;
    await pool.start();
    readiness.listening();
    const registrars = createRegistrars(document, registryUrl, this.#options);
    const parts = { registrars, state: () => readiness.view(), clock, random, log };
    this.#registration = this.#scope.own(new SelfRegistration(parts));
    this.#registration.start();
    this.#addresses = {
      http: listeners.http.map(({ address }) => address),
      tcp: listeners.tcp.map(({ address }) => address),
      udp: listeners.udp.map(({ address }) => address),
      admin: adminAddress,
      dns,
      registryUrl,
    };
  }

  async #planWorkers(): Promise<{ listeners: ListenerPlans; workers: number }> {
    const { document, log } = this.#options;
    const wanted = document.workers === 'auto' ? availableParallelism() : document.workers;
    const http = document.listen.map(({ address }) => address);
    const listeners = await planListeners(http, document.stream_listen, wanted);
    const workers = listeners.reusePort ? wanted : 1;
    if (workers < wanted) {
      log.warn('workers.single', 'this system can not share a port between threads: one worker runs', { wanted });
    }
    return { listeners, workers };
  }

  async #history(): Promise<NodeHistory> {
    const { stateDirectory, clock, log } = this.#options;
    const path = stateDirectory === null ? null : join(stateDirectory, 'history.json');
    const file = this.#scope.own(new HistoryFile(path, clock, log));
    await file.load();
    return file.history;
  }

  /** Decisions of operators, with those that an earlier process kept. */
  async #overrides(): Promise<NodeOverrides> {
    const { stateDirectory, clock, log } = this.#options;
    const path = stateDirectory === null ? null : join(stateDirectory, 'overrides.json');
    const overrides = new NodeOverrides(clock, () => {
      file.changed();
      this.#planning?.assembly.recompile('an operator’s order');
    });
    const file = this.#scope.own(new OverridesFile(path, () => overrides.rules, clock, log));
    overrides.restore(await file.load());
    return overrides;
  }

  async #discover(registryUrl: string | null) {
    const { document, stateDirectory, clock, log } = this.#options;
    const cache = this.#scope.own(new LastGoodCache(stateDirectory, clock, log));
    await cache.load();
    const discoveries = createDiscoveries(document.discovery, registryUrl, this.#scope, this.#options);
    const parts = { discoveries, guard: guardOptions(document.discovery), cache, clock, log };
    const nodeSets = this.#scope.own(new NodeSets(parts));
    const catalogs = this.#scope.own(new Catalogs(parts));
    return { nodeSets, catalogs, discoveries };
  }

  #workerPool(
    workers: number,
    statistics: Statistics,
    listeners: ListenerPlans,
    { publisher, nodeSlots, supervision }: Planning,
  ): WorkerPool {
    const { clock, random, log } = this.#options;
    const plans = [...listeners.http, ...listeners.tcp, ...listeners.udp];
    const maxConnections = connectionCap(workers, plans.length);
    const { document } = this.#options;
    const streams = document.stream_listen.filter(({ protocol }) => protocol === 'tcp');
    const http = listeners.http.map((plan, index) => {
      return { ...plan, maxConnections, options: httpListenerOptions(document.listen[index]!, document) };
    });
    const tcp = listeners.tcp.map((plan, index) => {
      return { ...plan, maxConnections, options: tcpListenerOptions(streams[index]!, document) };
    });
    const udp = listeners.udp.map((plan) => ({ ...plan, maxConnections }));
    const limitsSources =
      [...http, ...tcp].some(({ options }) => options.sourceLimit > 0) ||
      udp.some(({ maxSessionsPerSource }) => maxSessionsPerSource > 0);
    const sources = limitsSources ? allocateSourceCounts(workers, random.below(2 ** 32)) : null;
    const sessions = udp.reduce((total, { maxSessions }) => total + maxSessions, 0);
    const exchanges = workers > 1 && udp.length > 0;
    const owners = exchanges ? allocateSessionOwners(workers, sessions, random.below(2 ** 32)) : null;
    const seed = (index: number): Omit<WorkerSeed, 'links'> => ({
      index,
      memory: statistics.memory,
      sources,
      owners,
      httpListeners: http,
      tcpListeners: tcp,
      udpListeners: udp,
      settings: dataPathSettings(this.#options.document),
      plan: publisher.whole(),
    });
    const events = {
      released: (worker: number, version: number, slots: readonly number[]) =>
        nodeSlots.released(worker, version, slots),
      alarm: (slot: number, alarm: NodeAlarm) => supervision.outliers.alarm(slot, alarm),
      gone: (worker: number) => {
        nodeSlots.workerGone(worker);
        if (sources) clearSourceCounts(sources, worker);
        if (owners) clearSessionOwners(owners, worker);
        statistics.closeConnectionsOf(
          worker,
          plans.map(({ slot }) => slot),
        );
      },
    };
    return new WorkerPool({ count: workers, clock, random, log, seed, events });
  }

  /** Throws a HeadgateError when the address is not one. */
  #admin(state: StateOfGateway): AdminServer {
    const { document, version, log, clock } = this.#options;
    const address = parseAddress(document.admin.address);
    if (!address) {
      const message = `admin.address "${document.admin.address}" is not an address such as 127.0.0.1:9180`;
      throw new HeadgateError(message, { code: 'BAD_ADDRESS', source: 'self' });
    }
    const build = { version, node: process.version };
    const exposition = new Exposition(new GatewayMetrics(state), state.statistics.memory.counters, build);
    const views = new GatewayAdminViews(state, exposition);
    this.#views = views;
    return this.#scope.own(new AdminServer(address, document.admin.key ?? null, views, log, clock));
  }
}

function dataPathSettings(document: Document): DataPathSettings {
  const { http, stream, trusted_addresses, log } = document;
  return {
    http: {
      headTimeoutMs: http.head_timeout * SECOND,
      idleTimeoutMs: http.idle_timeout * SECOND,
      maxHeadBytes: http.max_head_bytes,
      maxFields: http.max_fields,
      trusted: trusted_addresses,
    },
    stream: {
      idleTimeoutMs: stream.idle_timeout * SECOND,
      finTimeoutMs: stream.fin_timeout * SECOND,
      lifetimeMs: (stream.max_lifetime ?? 0) * SECOND,
    },
    accessLog: log.access,
  };
}
