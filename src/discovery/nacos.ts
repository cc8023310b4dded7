import type { Log } from '../core/log.ts';
import { jittered } from '../core/random.ts';
import type { Closable } from '../core/scope.ts';
import { Gate } from './gate.ts';
import { nacosCatalog } from './nacos-catalog.ts';
import { type NacosAnswer, NacosClient, type PushAddress } from './nacos-client.ts';
import { type NacosOptions, type NacosService, nacosQueryFault, nacosService } from './nacos-options.ts';
import { NacosPush } from './nacos-push.ts';
import { refuseQuery } from './query-fault.ts';
import type { RegistryServer } from './registry-client.ts';
import type { CatalogEntry, CatalogSink, Discovery, NodeSink, ServiceQuery } from './types.ts';
import { UnusableReport } from './unusable-report.ts';
import { Wake } from './wake.ts';
import { type LoopTools, type Question, runWatch } from './watch-loop.ts';

interface Told {
  readonly answer: NacosAnswer;
  readonly doubt: string | undefined;
}

/**
 * Nacos 1, 2 and 3 over the HTTP client APIs: each service is asked for at intervals, and at once when the server tells by
 * UDP that it has changed. A subscription lives in the server's memory only; every question renews it.
 */
export class NacosDiscovery implements Discovery, Closable {
  readonly type = 'nacos';
  readonly watchCatalog?: (sink: CatalogSink, signal: AbortSignal) => Promise<void>;
  readonly #options: NacosOptions;
  readonly #tools: LoopTools;
  readonly #log: Log;
  readonly #client: NacosClient;
  readonly #push: NacosPush | null;
  readonly #gate: Gate;

  /** Throws CONFIG_INVALID when the servers are not usable. */
  constructor(options: NacosOptions, tools: LoopTools, log: Log) {
    this.#options = options;
    this.#tools = tools;
    this.#log = log;
    this.#client = new NacosClient(options, tools.clock);
    this.#push = options.push ? new NacosPush(options.pushPort, tools.clock, log) : null;
    this.#gate = new Gate(options.concurrency);
    if (options.catalog) this.watchCatalog = (sink, signal) => this.#watchCatalog(sink, signal);
  }

  async watch(query: ServiceQuery, sink: NodeSink, signal: AbortSignal): Promise<void> {
    await null;
    const fault = nacosQueryFault(query);
    if (fault !== null) return refuseQuery(fault, sink, signal);
    const service = nacosService(query, this.#options);
    const wake = new Wake(this.#tools.clock);
    const stop = this.#push?.watch(`${service.group}@@${service.name}`, () => wake.ring());
    try {
      await runWatch(this.#question(service, wake, sink), this.#tools, signal);
    } finally {
      stop?.();
    }
  }

  async #watchCatalog(sink: CatalogSink, signal: AbortSignal): Promise<void> {
    await null;
    const { fetchInterval } = this.#options;
    const question: Question<readonly CatalogEntry[]> = {
      gate: null,
      ask: async (_, limited) => {
        const value = await nacosCatalog(this.#client, this.#options, limited);
        return { value, pause: jittered(this.#tools.random, fetchInterval, 0.1) };
      },
      deadline: () => CATALOG_MS + this.#client.patience,
      deliver: (entries) => sink.set(entries),
      fail: (error) => sink.fail(error),
    };
    await runWatch(question, this.#tools, signal);
  }

  async close(): Promise<void> {
    await this.#push?.close();
    await this.#client.close();
  }

  #question(service: NacosService, wake: Wake, sink: NodeSink): Question<Told> {
    const { clock, random } = this.#tools;
    const { patience } = this.#client;
    const report = new UnusableReport(this.#log, 'nacos', service.name);
    let server: RegistryServer | null = null;
    let askedAt = clock.now();
    let interval = this.#options.fetchInterval;
    let protecting = false;
    return {
      gate: this.#gate,
      // The wait is part of the question, since a push must be able to end it.
      ask: async (fresh, signal) => {
        if (!fresh) await wake.wait(Math.max(0, askedAt + jittered(random, interval, 0.1) - clock.now()), signal);
        askedAt = clock.now();
        const answer = await this.#client.instances(service, (to) => this.#pushTo(to), signal);
        const doubt = server !== null && answer.server !== server ? MOVED : undefined;
        server = answer.server;
        interval = this.#intervalAfter(answer);
        return { value: { answer, doubt }, pause: 0 };
      },
      deadline: (fresh) => (fresh ? 0 : interval * 1.1) + patience,
      deliver: ({ answer, doubt }) => {
        report.tell(answer.unusable);
        if (answer.protecting !== protecting) this.#tellProtection(service, (protecting = answer.protecting));
        sink.set(answer.nodes, doubt);
      },
      fail: (error) => sink.fail(error),
    };
  }

  async #pushTo({ url }: RegistryServer): Promise<PushAddress | null> {
    return this.#push ? this.#push.addressFor(url) : null;
  }

  /** Who wants pushes has to ask as often as the server says, or its subscription ends. */
  #intervalAfter({ pushes, cacheTime }: NacosAnswer): number {
    const { fetchInterval } = this.#options;
    return pushes && cacheTime !== null ? Math.min(fetchInterval, Math.max(1000, cacheTime)) : fetchInterval;
  }

  #tellProtection({ name }: NacosService, begins: boolean): void {
    const event = begins ? 'discovery.protect-threshold' : 'discovery.protect-threshold-over';
    const text = begins
      ? `nacos ${name}: so few instances are healthy that the server lists the others as healthy too (protect threshold)`
      : `nacos ${name}: the server lists instances by their health again`;
    this.#log[begins ? 'warn' : 'info'](event, text, { service: name });
  }
}

const MOVED = 'the questions went over to another server';
/** A catalogue may take one question for each service. */
const CATALOG_MS = 60_000;
