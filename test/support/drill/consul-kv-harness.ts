import { setTimeout as pause } from 'node:timers/promises';
import { type ConsulServer, startConsul } from '../consul.ts';
import { ConsulDialect } from './consul-harness.ts';
import { type Distortion, HttpFaultProxy, type Question } from './http-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Operations that Consul takes in one transaction. */
const BATCH = 64;
const SERVICE = 'drill';
const FOLDER = `upstreams/${SERVICE}/`;

/** An index vouches for all keys: an answer that is made smaller, or whole again, must have another one. */
class ConsulKvDialect extends ConsulDialect {
  #ahead = 0;
  #parted = false;

  override ask(question: Question, shift: number): Question {
    return super.ask(question, shift - this.#ahead);
  }

  override answer(question: Question, message: unknown, fields: Record<string, string>, how: Distortion): unknown {
    if ((how.part !== null) !== this.#parted) {
      this.#parted = !this.#parted;
      this.#ahead += 1;
    }
    const changed = super.answer(question, message, fields, how);
    fields['x-consul-index'] = String(Number(fields['x-consul-index']) + this.#ahead);
    return changed;
  }
}

/** Nodes as keys in a Consul agent's store.. */
export class ConsulKvHarness implements RegistryHarness {
  readonly source = 'consul_kv';
  readonly service = SERVICE;
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = true;
  readonly proxy: HttpFaultProxy;
  readonly #consul: ConsulServer;

  private constructor(consul: ConsulServer, proxy: HttpFaultProxy) {
    this.#consul = consul;
    this.proxy = proxy;
  }

  static async start(binary: string): Promise<ConsulKvHarness> {
    const consul = await startConsul(binary);
    return new ConsulKvHarness(consul, await HttpFaultProxy.start(consul.address, new ConsulKvDialect()));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    return { consul_kv: { servers: [behind === 'proxy' ? this.proxy.address : this.#consul.address] } };
  }

  register(nodes: readonly DrillNode[]): Promise<void> {
    return this.#transact('set', nodes);
  }

  deregister(nodes: readonly DrillNode[]): Promise<void> {
    return this.#transact('delete', nodes);
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async settle(): Promise<void> {}

  async shows(node: DrillNode, listed: boolean): Promise<void> {
    for (;;) {
      const keys = (await this.#consul.get(`/v1/kv/?keys`).catch(() => [])) as string[];
      if (keys.includes(keyOf(node)) === listed) return;
      await pause(1);
    }
  }

  kill(): Promise<void> {
    return this.#consul.kill();
  }

  restart(): Promise<void> {
    return this.#consul.restart();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#consul.stop();
  }

  async #transact(verb: 'set' | 'delete', nodes: readonly DrillNode[]): Promise<void> {
    for (let at = 0; at < nodes.length; at += BATCH) {
      const operations = nodes.slice(at, at + BATCH).map((node) => ({
        KV: { Verb: verb, Key: keyOf(node), ...(verb === 'set' && { Value: Buffer.from('1').toString('base64') }) },
      }));
      await this.#consul.put('/v1/txn', operations);
    }
  }
}

function keyOf({ host, port }: DrillNode): string {
  return `${FOLDER}${host}:${port}`;
}
