import { setTimeout as pause } from 'node:timers/promises';
import { NacosServer } from '../nacos.ts';
import { type Dialect, type Distortion, HttpFaultProxy, type Json, type Question } from './http-fault-proxy.ts';
import { inParallel } from './in-parallel.ts';
import { PushRelay } from './push-relay.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Seconds from one question to the next, where no push comes before. */
const INTERVAL = 0.5;
const AT_ONCE = 16;
/** More than this are not registered: the proxy adds them. */
const MOST = 1000;
/** Nobody sends heartbeats in a drill: the server is to wait for them for an hour. */
const PATIENT = JSON.stringify({
  'preserved.heart.beat.timeout': '3600000',
  'preserved.ip.delete.timeout': '3600000',
});

/**
 * Leads pushes over the relay. Adds instances to every answer: to register ten thousand takes this server longer than all the
 * rest of a drill.
 */
class NacosDialect implements Dialect {
  readonly expiry = '';
  added: readonly Json[] = [];
  readonly #relay: PushRelay;

  constructor(relay: PushRelay) {
    this.#relay = relay;
  }

  half(): number {
    return 0;
  }

  /** The server is told to push to the relay. */
  ask({ path, body }: Question): Question {
    const port = /[?&]udpPort=(\d+)/.exec(path)?.[1];
    if (port !== undefined) this.#relay.gateway = Number(port);
    return { path: path.replace(/([?&]udpPort=)\d+/, `$1${this.#relay.port}`), body };
  }

  atOnce(question: Question): Question {
    return question;
  }

  streams(): boolean {
    return false;
  }

  answer(_: Question, message: unknown, _fields: Record<string, string>, { part }: Distortion): unknown {
    const { hosts, ...rest } = message as Json & { hosts?: Json[] };
    if (!hosts) return message;
    return { ...rest, hosts: [...hosts, ...this.added].slice(0, part ?? undefined) };
  }
}

/** A Nacos server with ephemeral instances, which a restart forgets; it pushes to the gateway over a relay. Thousands are made up by the proxy. */
export class NacosHarness implements RegistryHarness {
  readonly source = 'nacos';
  readonly service = 'drill';
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = false;
  readonly proxy: HttpFaultProxy;
  readonly #nacos: NacosServer;
  readonly #dialect: NacosDialect;
  readonly #relay: PushRelay;

  private constructor(nacos: NacosServer, proxy: HttpFaultProxy, dialect: NacosDialect, relay: PushRelay) {
    this.#nacos = nacos;
    this.proxy = proxy;
    this.#dialect = dialect;
    this.#relay = relay;
  }

  static async start(home: string): Promise<NacosHarness> {
    const nacos = await NacosServer.start(home);
    const relay = await PushRelay.start();
    const dialect = new NacosDialect(relay);
    return new NacosHarness(nacos, await HttpFaultProxy.start(nacos.address, dialect), dialect, relay);
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    // For measurements too the proxy is there, to see the pushes; the interval is then as shipped.
    return { nacos: { host: [this.proxy.address], ...(behind === 'proxy' && { fetch_interval: INTERVAL }) } };
  }

  /** When the first push after this time came in; null when there was none. */
  pushedAfter(time: number): number | null {
    return this.#relay.pushes.find((at) => at >= time) ?? null;
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > MOST) {
      this.#dialect.added = nodes.map(({ host, port }) => ({
        ip: host,
        port,
        weight: 1,
        healthy: true,
        enabled: true,
      }));
      return;
    }
    await inParallel(AT_ONCE, nodes, ({ host, port }) =>
      this.#nacos.register(this.service, port, { ip: host, metadata: PATIENT }),
    );
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > MOST) return void (this.#dialect.added = []);
    await inParallel(AT_ONCE, nodes, ({ host, port }) => this.#nacos.deregister(this.service, port, { ip: host }));
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async settle(): Promise<void> {}

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
    return this.#nacos.restart();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#relay.close();
    await this.#nacos.stop();
  }
}
