import { collectDefaultMetrics, Registry } from 'prom-client';
import { CounterSums } from './counter-table.ts';
import type { CountersMemory } from './counters.ts';
import { discoveryFamilies } from './discovery-metrics.ts';
import { listenerFamilies } from './listener-metrics.ts';
import type { MetricsSource } from './metrics-source.ts';
import { nodeFamilies } from './node-metrics.ts';
import { routeFamilies } from './route-metrics.ts';
import { type BuildInfo, runtimeFamilies } from './runtime-metrics.ts';
import { streamFamilies } from './stream-metrics.ts';
import { supervisionFamilies } from './supervision-metrics.ts';
import { type Family, Samples } from './text-format.ts';

export interface RenderedMetrics {
  readonly contentType: string;
  readonly text: string;
}

/**
 * All metrics, read when somebody asks: series appear and vanish with what they describe, and nothing is kept in between.
 * The process's own metrics (`process_*`, `nodejs_*` of the control thread) are prom-client's.
 */
export class Exposition {
  readonly #source: MetricsSource;
  readonly #build: BuildInfo;
  readonly #routes: CounterSums;
  readonly #nodes: CounterSums;
  readonly #listeners: CounterSums;
  readonly #process = new Registry();
  #rendering: Promise<RenderedMetrics> | null = null;

  constructor(source: MetricsSource, counters: CountersMemory, build: BuildInfo) {
    this.#source = source;
    this.#build = build;
    this.#routes = new CounterSums(counters.routes);
    this.#nodes = new CounterSums(counters.nodes);
    this.#listeners = new CounterSums(counters.listeners);
    collectDefaultMetrics({ register: this.#process });
  }

  /** Scrapes at the same time share one answer. */
  render(): Promise<RenderedMetrics> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = null;
    });
    return this.#rendering;
  }

  async #render(): Promise<RenderedMetrics> {
    const parts: string[] = [];
    for (const family of this.#families()) {
      const samples = new Samples(family);
      family.collect(samples);
      parts.push(samples.text);
      // A large fleet's scrape must not hold up probes and watches: they run between two metrics.
      await new Promise((resolve) => setImmediate(resolve));
    }
    parts.push(await this.#process.metrics());
    return { contentType: this.#process.contentType, text: parts.join('') };
  }

  #families(): Family[] {
    const source = this.#source;
    return [
      ...runtimeFamilies(source, this.#build),
      ...listenerFamilies(source.listeners(), this.#listeners),
      ...routeFamilies(source.routes(), this.#routes),
      ...streamFamilies(source.streamRoutes(), this.#routes),
      ...nodeFamilies(source.upstreams(), source.nodes(), this.#nodes),
      ...supervisionFamilies(source.outlierVerdicts(), source.breakers()),
      ...discoveryFamilies(source.discovery(), source.discoverySources()),
    ];
  }
}
