import { setTimeout as pause } from 'node:timers/promises';
import { type ConsulServer, startConsul } from '../consul.ts';
import type { Dialect, Distortion, Question } from './http-fault-proxy.ts';
import { HttpFaultProxy } from './http-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Operations that Consul takes in one transaction. */
const BATCH = 64;

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
export class ConsulHarness implements RegistryHarness {
  readonly source = 'consul';
  readonly service = 'drill';
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = true;
  readonly proxy: HttpFaultProxy;
  readonly #consul: ConsulServer;

  private constructor(consul: ConsulServer, proxy: HttpFaultProxy) {
    this.#consul = consul;
    this.proxy = proxy;
  }

  static async start(binary: string): Promise<ConsulHarness> {
    const consul = await startConsul(binary);
    return new ConsulHarness(consul, await HttpFaultProxy.start(consul.address, new ConsulDialect()));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    return { consul: { servers: [behind === 'proxy' ? this.proxy.address : this.#consul.address] } };
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > BATCH) {
      await this.#consul.put('/v1/catalog/register', { Node: 'many', Address: '127.0.0.1' });
      return this.#transact('set', nodes);
    }
    for (const { name, host, port } of nodes) {
      const instance = { ID: name, Name: this.service, Address: host, Port: port };
      await this.#consul.put('/v1/agent/service/register', instance);
    }
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    if (nodes.length > BATCH) return this.#transact('delete', nodes);
    for (const { name } of nodes) await this.#consul.put(`/v1/agent/service/deregister/${name}`);
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async settle(): Promise<void> {}

  async shows(node: DrillNode, listed: boolean): Promise<void> {
    for (;;) {
      const entries = (await this.#consul.get(`/v1/health/service/${this.service}`)) as { Service: { ID: string } }[];
      if (entries.some(({ Service }) => Service.ID === node.name) === listed) return;
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
      const operations = nodes.slice(at, at + BATCH).map(({ name, host, port }) => ({
        Service: {
          Verb: verb,
          Node: 'many',
          Service: { ID: name, Service: this.service, Address: host, Port: port },
        },
      }));
      await this.#consul.put('/v1/txn', operations);
    }
  }
}
