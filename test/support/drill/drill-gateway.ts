import { setTimeout as pause } from 'node:timers/promises';
import type { DiscoveryView, WatchView } from '../../../src/admin/discovery-views.ts';
import { HeadgateProcess } from '../headgate.ts';
import { Load } from '../load.ts';
import { type Metric, parsePrometheusText, seriesValue } from '../prometheus-text.ts';
import type { RegistryHarness } from './registry-harness.ts';

const KEY = 'a-key-for-tests-only';
/** A hold outlasts every step of a drill: it is ended by recovery or by hand, never by time. */
const HOLD = 600;
const CONNECTIONS = 6;
const REST_MS = 8;

/** A gateway with one route to one service of a registry, under load from the first node on. */
export class DrillGateway {
  readonly #headgate: HeadgateProcess;
  readonly #harness: RegistryHarness;
  readonly #lastSeen = new Map<string, number>();
  #load: Load | null = null;

  private constructor(headgate: HeadgateProcess, harness: RegistryHarness) {
    this.#headgate = headgate;
    this.#harness = harness;
  }

  static async start(harness: RegistryHarness, behind: 'proxy' | 'nothing' = 'proxy'): Promise<DrillGateway> {
    const { source, service } = harness;
    const headgate = await HeadgateProcess.start({
      listen: ['127.0.0.1:0'],
      admin: { address: '127.0.0.1:0', key: KEY },
      workers: 2,
      discovery: {
        ...harness.discovery(behind),
        guard: { min_nodes: 5, shrink_hold: HOLD, empty_hold: HOLD },
      },
      routes: [{ id: 'drill', uri: '/*', upstream: { service_name: service, discovery_type: source } }],
      shutdown: { delay: 0, drain: 2 },
    });
    return new DrillGateway(headgate, harness);
  }

  get process(): HeadgateProcess {
    return this.#headgate;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#headgate.httpPort}/`;
  }

  startLoad(): void {
    const seen = (body: string) => void this.#lastSeen.set(body, performance.now());
    this.#load = new Load(this.url, CONNECTIONS, seen, REST_MS);
  }

  /** Requests that were not answered 200, so far. */
  get failures(): readonly string[] {
    return this.#load?.failures ?? [];
  }

  get requests(): number {
    return this.#load?.requests ?? 0;
  }

  more(requests: number): Promise<void> {
    return this.#load?.more(requests) ?? Promise.resolve();
  }

  /** What is known of the service. */
  async watch(): Promise<WatchView> {
    const { watches } = await this.#headgate.admin<DiscoveryView>('/v1/discovery');
    const view = watches.find(({ service }) => service === this.#harness.service);
    if (!view) throw new Error('the service is not watched');
    return view;
  }

  /** Resolves when the state is this one, with so many nodes. */
  async until(state: WatchView['state'], count: number, reason = /^/): Promise<WatchView> {
    for (;;) {
      const view = await this.watch();
      if (view.state === state && view.count === count && reason.test(view.reason ?? '')) return view;
      await pause(20);
    }
  }

  /** Resolves when each of these nodes has answered since now. */
  async served(names: readonly string[]): Promise<void> {
    const now = performance.now();
    while (!names.every((name) => (this.#lastSeen.get(name) ?? 0) > now)) await pause(5);
  }

  /** Names of the nodes that answered the next requests. */
  async answering(requests: number): Promise<readonly string[]> {
    const now = performance.now();
    await this.more(requests);
    return [...this.#lastSeen].filter(([, at]) => at > now).map(([name]) => name);
  }

  async updates(result: string): Promise<number> {
    return seriesValue(await this.#metrics(), UPDATES, { source: this.#harness.source, result }) ?? 0;
  }

  async errors(): Promise<number> {
    return seriesValue(await this.#metrics(), ERRORS, { source: this.#harness.source }) ?? 0;
  }

  async nodesInMetrics(): Promise<number | undefined> {
    return seriesValue(await this.#metrics(), NODES, { service: this.#harness.service });
  }

  /** Lets through what is held; the status of the answer. */
  async release(): Promise<number> {
    const { source, service } = this.#harness;
    const response = await fetch(`${this.#headgate.adminUrl}/v1/discovery/release`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ source, service }),
    });
    await response.text();
    return response.status;
  }

  async stop(): Promise<void> {
    await this.#load?.stop();
    await this.#headgate.stop();
  }

  async #metrics(): Promise<ReadonlyMap<string, Metric>> {
    return parsePrometheusText(await (await fetch(`${this.#headgate.adminUrl}/metrics`)).text());
  }
}

const UPDATES = 'headgate_discovery_updates_total';
const ERRORS = 'headgate_discovery_errors_total';
const NODES = 'headgate_discovery_nodes';
