import assert from 'node:assert/strict';
import { seededRandom } from '../../src/core/random.ts';
import type { Closable } from '../../src/core/scope.ts';
import type { Discovery, Node, NodeSink, ServiceQuery } from '../../src/discovery/types.ts';
import { FakeClock } from './fake-clock.ts';
import { RecordingLog } from './recording-log.ts';
import { RecordingSink } from './sink.ts';

/** What surrounds an adapter in a test of it: a clock that stands still, and a server whose every answer the test gives. */
export class AdapterBed<S extends { close(): Promise<void> }, D extends Discovery & Closable = Discovery & Closable> {
  readonly server: S;
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  readonly tools = { clock: this.clock, random: seededRandom(3) };
  /** Of the watch that has no sink of its own, and of the end of every watch that has none. */
  sink = new RecordingSink<Node>();
  abort = new AbortController();
  #adapter: D | null = null;
  readonly #running: Promise<void>[] = [];

  constructor(server: S) {
    this.server = server;
  }

  get adapter(): D {
    assert.ok(this.#adapter, 'the test has no adapter yet');
    return this.#adapter;
  }

  set adapter(adapter: D) {
    this.#adapter = adapter;
  }

  watch(query: ServiceQuery, sink: NodeSink = this.sink, signal: AbortSignal = this.abort.signal): void {
    this.run(this.adapter.watch(query, sink, signal));
  }

  /** A watch that ends with `abort`. */
  run(watch: Promise<void>): void {
    this.#running.push(watch);
  }

  /** Every watch has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** What comes next, while so much time passes. */
  async after<T>(ms: number, next: Promise<T>): Promise<T> {
    await this.clock.run(ms);
    return next;
  }

  /** Ends everything, and sees to it that no timer is left. */
  async close(): Promise<void> {
    this.abort.abort();
    await this.ended();
    await this.#adapter?.close(this.clock.now());
    assert.equal(this.clock.pending, 0, 'no timer is left');
    await this.server.close();
  }
}
