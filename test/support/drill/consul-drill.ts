import { setTimeout as pause } from 'node:timers/promises';
import type { ConsulServer } from '../consul.ts';
import type { HttpFaultProxy } from './http-fault-proxy.ts';
import type { DrillNode } from './registry-harness.ts';

/** Operations that Consul takes in one transaction. */
export const BATCH = 64;

/** What the drills of Consul's services and of its key-value store have in common: the agent, and transactions. */
export abstract class ConsulDrill {
  readonly service = 'drill';
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = true;
  readonly proxy: HttpFaultProxy;
  protected readonly consul: ConsulServer;

  protected constructor(consul: ConsulServer, proxy: HttpFaultProxy) {
    this.consul = consul;
    this.proxy = proxy;
  }

  abstract register(nodes: readonly DrillNode[]): Promise<void>;
  abstract deregister(nodes: readonly DrillNode[]): Promise<void>;
  /** Whether the agent lists the node now. */
  protected abstract lists(node: DrillNode): Promise<boolean>;
  /** The operation of a transaction on the node. */
  protected abstract operation(verb: 'set' | 'delete', node: DrillNode): object;

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async settle(): Promise<void> {}

  async shows(node: DrillNode, listed: boolean): Promise<void> {
    while ((await this.lists(node)) !== listed) await pause(1);
  }

  kill(): Promise<void> {
    return this.consul.kill();
  }

  restart(): Promise<void> {
    return this.consul.restart();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.consul.stop();
  }

  protected address(behind: 'proxy' | 'nothing'): string {
    return behind === 'proxy' ? this.proxy.address : this.consul.address;
  }

  protected async transact(verb: 'set' | 'delete', nodes: readonly DrillNode[]): Promise<void> {
    for (let at = 0; at < nodes.length; at += BATCH) {
      const operations = nodes.slice(at, at + BATCH).map((node) => this.operation(verb, node));
      await this.consul.put('/v1/txn', operations);
    }
  }
}
