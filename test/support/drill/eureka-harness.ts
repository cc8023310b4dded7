import { setTimeout as pause } from 'node:timers/promises';
import { EurekaServer } from '../eureka.ts';
import { eurekaEntry } from '../eureka-entries.ts';
import { type Dialect, type Distortion, HttpFaultProxy, type Json, type Question } from './http-fault-proxy.ts';
import { inParallel } from './in-parallel.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Seconds from one question to the next. */
export const EUREKA_INTERVAL = 0.2;
const AT_ONCE = 16;
/** More than this are not registered, since it takes this server half a minute: the proxy adds them. */
const MOST = 1000;

const SERVICE = 'DRILL';

/** Eureka counts its deltas, and sends with each the number of instances that must come out. */
class EurekaDialect implements Dialect {
  readonly expiry = '';
  #count = 0;
  /** The hash of the last part of a list. */
  #hash = '';
  added: readonly Json[] = [];

  half(): number {
    return this.#count >> 1;
  }

  ask(question: Question): Question {
    return question;
  }

  atOnce(question: Question): Question {
    return question;
  }

  streams(): boolean {
    return false;
  }

  answer({ path }: Question, message: unknown, _: Record<string, string>, { part, shift }: Distortion): unknown {
    const applications = (message as { applications: Json }).applications;
    this.#count = Math.max(this.#count, Number(applications.versions__delta));
    applications.versions__delta = String(Number(applications.versions__delta) - shift);
    if (this.added.length > 0) this.#add(applications, path);
    if (part !== null && path.includes('/delta')) {
      Object.assign(applications, { application: [], apps__hashcode: this.#hash });
    } else if (part !== null) {
      for (const app of applications.application as Json[]) app.instance = (app.instance as unknown[]).slice(0, part);
      this.#hash = applications.apps__hashcode = `UP_${part}_`;
    }
    return message;
  }

  /** Deltas only count them: the gateway then fetches the whole. */
  #add(applications: Json, path: string): void {
    const counted = Number(/UP_(\d+)_/.exec(String(applications.apps__hashcode))?.[1] ?? 0);
    applications.apps__hashcode = `UP_${counted + this.added.length}_`;
    if (path.includes('/delta')) return;
    for (const app of applications.application as Json[]) {
      if (app.name === SERVICE) app.instance = [...(app.instance as unknown[]), ...this.added];
    }
  }
}

/** A Eureka server; instances are registered over its REST API, with a lease that outlasts the drill. */
export class EurekaHarness implements RegistryHarness {
  readonly source = 'eureka';
  readonly service = SERVICE;
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = true;
  readonly proxy: HttpFaultProxy;
  readonly #eureka: EurekaServer;
  readonly #dialect: EurekaDialect;

  private constructor(eureka: EurekaServer, proxy: HttpFaultProxy, dialect: EurekaDialect) {
    this.#eureka = eureka;
    this.proxy = proxy;
    this.#dialect = dialect;
  }

  static async start(jar: string): Promise<EurekaHarness> {
    const eureka = await EurekaServer.start(jar);
    const dialect = new EurekaDialect();
    return new EurekaHarness(eureka, await HttpFaultProxy.start(eureka.address, dialect), dialect);
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    const address = behind === 'proxy' ? this.proxy.address : this.#eureka.address;
    return { eureka: { host: [address], fetch_interval: EUREKA_INTERVAL } };
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > MOST) {
      this.#dialect.added = nodes.map(({ name, host, port }) => eurekaEntry(port, { instanceId: name, ipAddr: host }));
      return;
    }
    const register = ({ name, host, port }: DrillNode) =>
      this.#eureka.register(this.service, port, { id: name, host, lease: 900 });
    await inParallel(AT_ONCE, nodes, register);
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > MOST) return void (this.#dialect.added = []);
    await inParallel(AT_ONCE, nodes, ({ name }) => this.#eureka.send('DELETE', `${this.service}/${name}`));
  }

  /** An answer that is outdated is kept for a second. */
  settle(): Promise<void> {
    return pause(1500);
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async shows(node: DrillNode, listed: boolean): Promise<void> {
    for (;;) {
      const instances = await this.#eureka.instances(this.service);
      if (instances.some(({ instanceId }) => instanceId === node.name) === listed) return;
      await pause(2);
    }
  }

  kill(): Promise<void> {
    return this.#eureka.kill();
  }

  restart(): Promise<void> {
    return this.#eureka.restart();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#eureka.stop();
  }
}
