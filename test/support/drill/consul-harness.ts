import { startConsul } from '../consul.ts';
import { BATCH, ConsulDrill } from './consul-drill.ts';
import type { Dialect, Distortion, Question } from './http-fault-proxy.ts';
import { HttpFaultProxy } from './http-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Consul's index is in a field of the head, and a question that waits names it. */
export class ConsulDialect implements Dialect {
  readonly expiry = '';
  #index = 0;

  half(): number {
    return this.#index >> 1;
  }

  ask({ path, body }: Question, shift: number): Question {
    return { path: path.replace(/([?&]index=)(\d+)/, (_, name, index) => `${name}${Number(index) + shift}`), body };
  }

  atOnce({ path, body }: Question): Question {
    return { path: path.replace(/[?&](?:index|wait)=[^&]*/g, ''), body };
  }

  streams(): boolean {
    return false;
  }

  answer(_: Question, message: unknown, fields: Record<string, string>, { part, shift }: Distortion): unknown {
    this.#index = Math.max(this.#index, Number(fields['x-consul-index']));
    fields['x-consul-index'] = String(Number(fields['x-consul-index']) - shift);
    return part !== null && Array.isArray(message) ? message.slice(0, part) : message;
  }
}

/** A Consul agent; instances are registered with it, large numbers of them in the catalogue by transactions. */
export class ConsulHarness extends ConsulDrill implements RegistryHarness {
  readonly source = 'consul';

  static async start(binary: string): Promise<ConsulHarness> {
    const consul = await startConsul(binary);
    return new ConsulHarness(consul, await HttpFaultProxy.start(consul.address, new ConsulDialect()));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    return { consul: { servers: [this.address(behind)] } };
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > BATCH) {
      await this.consul.put('/v1/catalog/register', { Node: 'many', Address: '127.0.0.1' });
      return this.transact('set', nodes);
    }
    for (const { name, host, port } of nodes) {
      const instance = { ID: name, Name: this.service, Address: host, Port: port };
      await this.consul.put('/v1/agent/service/register', instance);
    }
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > BATCH) return this.transact('delete', nodes);
    for (const { name } of nodes) await this.consul.put(`/v1/agent/service/deregister/${name}`);
  }

  protected async lists(node: DrillNode): Promise<boolean> {
    const entries = (await this.consul.get(`/v1/health/service/${this.service}`)) as { Service: { ID: string } }[];
    return entries.some(({ Service }) => Service.ID === node.name);
  }

  protected operation(verb: 'set' | 'delete', { name, host, port }: DrillNode): object {
    const service = { ID: name, Service: this.service, Address: host, Port: port };
    return { Service: { Verb: verb, Node: 'many', Service: service } };
  }
}
