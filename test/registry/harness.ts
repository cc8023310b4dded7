import type { TestContext } from 'node:test';
import { type Address, formatAddress } from '../../src/core/address.ts';
import type { Clock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { EmbeddedRegistry } from '../../src/registry/server.ts';
import { RecordingLog } from '../support/recording-log.ts';

export interface Reply {
  readonly status: number;
  readonly index: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the registry answers is checked field by field
  readonly json: any;
}

/** A registry on a free port, and a client for it. Closed at the end of the test. */
export class RegistryHarness {
  readonly registry: EmbeddedRegistry;
  readonly clock: Clock;
  readonly log = new RecordingLog();
  address: Address = { host: '127.0.0.1', port: 0 };

  constructor(clock: Clock, stateFile: string | null = null) {
    this.clock = clock;
    const { address, log } = this;
    this.registry = new EmbeddedRegistry({ address, clock, random: seededRandom(1), log, stateFile });
  }

  static async start(t: TestContext, clock: Clock, stateFile: string | null = null): Promise<RegistryHarness> {
    const harness = new RegistryHarness(clock, stateFile);
    harness.address = await harness.registry.start();
    t.after(() => harness.close());
    return harness;
  }

  close(): Promise<void> {
    return this.registry.close(this.clock.now());
  }

  url(path: string): string {
    return `http://${formatAddress(this.address)}${path}`;
  }

  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const payload = body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body);
    const response = await fetch(this.url(path), { method, body: payload, headers });
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    const index = Number(response.headers.get('x-consul-index'));
    return { status: response.status, index, text, json: isJson ? JSON.parse(text) : null };
  }

  get(path: string): Promise<Reply> {
    return this.ask('GET', path);
  }

  /** Asks for a change and expects that it is made. */
  async put(path: string, body?: unknown): Promise<void> {
    const { status, text } = await this.ask('PUT', path, body);
    if (status !== 200) throw new Error(`PUT ${path} was answered ${status}: ${text}`);
  }

  register(service: object): Promise<void> {
    return this.put('/v1/agent/service/register', service);
  }

  async statusOf(check: string): Promise<string | undefined> {
    return (await this.get('/v1/agent/checks')).json[check]?.Status;
  }

  /** Waits, with blocking queries, until a check has a status. */
  async until(service: string, check: string, status: string): Promise<void> {
    for (let index = 0; ; ) {
      const reply = await this.get(`/v1/health/checks/${service}?index=${index}&wait=10s`);
      const found = reply.json.find((entry: { CheckID: string }) => entry.CheckID === check);
      if (found?.Status === status) return;
      index = reply.index;
    }
  }
}
