import { startConsul } from '../consul.ts';
import { ConsulDrill } from './consul-drill.ts';
import { ConsulDialect } from './consul-harness.ts';
import { type Distortion, HttpFaultProxy, type Question } from './http-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

const FOLDER = 'upstreams/drill/';

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

/** Nodes as keys in a Consul agent's store. */
export class ConsulKvHarness extends ConsulDrill implements RegistryHarness {
  readonly source = 'consul_kv';

  static async start(binary: string): Promise<ConsulKvHarness> {
    const consul = await startConsul(binary);
    return new ConsulKvHarness(consul, await HttpFaultProxy.start(consul.address, new ConsulKvDialect()));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    return { consul_kv: { servers: [this.address(behind)] } };
  }

  register(nodes: readonly DrillNode[]): Promise<void> {
    return this.transact('set', nodes);
  }

  deregister(nodes: readonly DrillNode[]): Promise<void> {
    return this.transact('delete', nodes);
  }

  protected async lists(node: DrillNode): Promise<boolean> {
    const keys = (await this.consul.get('/v1/kv/?keys').catch(() => [])) as string[];
    return keys.includes(keyOf(node));
  }

  protected operation(verb: 'set' | 'delete', node: DrillNode): object {
    return {
      KV: { Verb: verb, Key: keyOf(node), ...(verb === 'set' && { Value: Buffer.from('1').toString('base64') }) },
    };
  }
}

function keyOf({ host, port }: DrillNode): string {
  return `${FOLDER}${host}:${port}`;
}
