import { type DnsServer, ZONE } from '../dns-servers.ts';
import { DnsFaultProxy } from './dns-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Addresses of one target, which are told in one answer: it takes 64 KiB at most. */
const ADDRESSES = 1000;

/**
 * A zone with SRV records, and a target for each node; nodes that share a port share targets as well, so that there is room
 * for thousands. Its TTL is a second.
 */
export class DnsHarness implements RegistryHarness {
  readonly source = 'dns';
  readonly service = `_http._tcp.drill.${ZONE}`;
  /** A name that is gone is a failure with a time of its own (`hold.nxdomain`), and not for the guard to judge. */
  readonly empty = { state: 'stale', reason: /^there is no name .*; the nodes are kept until / } as const;
  readonly counts = false;
  readonly proxy: DnsFaultProxy;
  readonly #server: DnsServer;
  readonly #nodes = new Map<string, DrillNode>();

  private constructor(server: DnsServer, proxy: DnsFaultProxy) {
    this.#server = server;
    this.proxy = proxy;
  }

  static async start(starting: Promise<DnsServer>): Promise<DnsHarness> {
    const server = await starting;
    return new DnsHarness(server, await DnsFaultProxy.start(server.address));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    const { host, port } = behind === 'proxy' ? this.proxy.address : this.#server.address;
    return { dns: { servers: [`${host}:${port}`], timeout: 0.5, attempts: 1, hold: { nxdomain: 600 } } };
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    for (const node of nodes) await this.change(node, true, nodes.at(-1) === node);
    await this.#server.served();
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    for (const node of nodes) await this.change(node, false, nodes.at(-1) === node);
    await this.#server.served();
  }

  async change(node: DrillNode, listed: boolean, write = true): Promise<void> {
    if (listed) this.#nodes.set(node.name, node);
    else this.#nodes.delete(node.name);
    if (write) await this.#server.write(this.#records());
  }

  settle(): Promise<void> {
    return this.#server.served();
  }

  /** Nobody asks for another state than the one that was written last. */
  shows(): Promise<void> {
    return this.#server.served();
  }

  kill(): Promise<void> {
    return this.#server.kill();
  }

  async restart(): Promise<void> {
    this.#nodes.clear();
    await this.#server.write([]);
    await this.#server.restart();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#server.stop();
  }

  #records(): readonly string[] {
    const byPort = Map.groupBy(this.#nodes.values(), ({ port }) => port);
    return [...byPort].flatMap(([port, nodes]) => {
      const parts = Array.from({ length: Math.ceil(nodes.length / ADDRESSES) }, (_, at) => {
        return nodes.slice(at * ADDRESSES, (at + 1) * ADDRESSES);
      });
      return parts.flatMap((part, at) => recordsOf(port, `t${port}-${at}`, part));
    });
  }
}

/** Many addresses stand behind an alias, or the server would try to fit those of all targets into the answer for SRV. */
function recordsOf(port: number, target: string, nodes: readonly DrillNode[]): readonly string[] {
  const owner = nodes.length > 10 ? `a-${target}` : target;
  const alias = owner === target ? [] : [`${target} IN CNAME ${owner}`];
  const addresses = nodes.map(({ host }) => `${owner} IN A ${host}`);
  return [`_http._tcp.drill IN SRV 10 5 ${port} ${target}`, ...alias, ...addresses];
}
