import { setTimeout as pause } from 'node:timers/promises';
import { NacosServer } from '../nacos.ts';
import { type Dialect, type Distortion, HttpFaultProxy, type Json, type Question } from './http-fault-proxy.ts';
import { inParallel } from './in-parallel.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Seconds from one question to the next, where no push comes before. */
const INTERVAL = 0.5;
const AT_ONCE = 16;
/** Nobody sends heartbeats in a drill: the server is to wait for them for an hour. */
const PATIENT = JSON.stringify({
  'preserved.heart.beat.timeout': '3600000',
  'preserved.ip.delete.timeout': '3600000',
});

const DIALECT: Dialect = {
  expiry: '',
  half: () => 0,
  ask: (question: Question) => question,
  atOnce: (question: Question) => question,
  streams: () => false,
  answer: (_question: Question, message: unknown, _fields: Record<string, string>, { part }: Distortion) => {
    const { hosts } = message as Json;
    return part !== null && Array.isArray(hosts) ? { ...(message as Json), hosts: hosts.slice(0, part) } : message;
  },
};

/** A Nacos server with ephemeral instances; it pushes to the gateway past the proxy. */
export class NacosHarness implements RegistryHarness {
  readonly source = 'nacos';
  readonly service = 'drill';
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = false;
  readonly proxy: HttpFaultProxy;
  readonly #nacos: NacosServer;

  private constructor(nacos: NacosServer, proxy: HttpFaultProxy) {
    this.#nacos = nacos;
    this.proxy = proxy;
  }

  static async start(home: string): Promise<NacosHarness> {
    const nacos = await NacosServer.start(home);
    return new NacosHarness(nacos, await HttpFaultProxy.start(nacos.address, DIALECT));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    if (behind === 'nothing') return { nacos: { host: [this.#nacos.address] } };
    return { nacos: { host: [this.proxy.address], fetch_interval: INTERVAL } };
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    await inParallel(AT_ONCE, nodes, ({ host, port }) =>
      this.#nacos.register(this.service, port, { ip: host, metadata: PATIENT }),
    );
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    await inParallel(AT_ONCE, nodes, ({ host, port }) => this.#nacos.deregister(this.service, port, { ip: host }));
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async shows({ host, port }: DrillNode, listed: boolean): Promise<void> {
    for (;;) {
      const answer = await this.#nacos.send('GET', `/v1/ns/instance/list?serviceName=${this.service}`);
      const { hosts } = JSON.parse(answer) as { hosts: { ip: string; port: number }[] };
      if (hosts.some((each) => each.ip === host && each.port === port) === listed) return;
      await pause(2);
    }
  }

  kill(): Promise<void> {
    return this.#nacos.kill();
  }

  restart(): Promise<void> {
    return this.#nacos.restartEmpty();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#nacos.stop();
  }
}
