import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { UdpNode, UdpPeer } from './udp-peer.ts';
import { UdpPlane, type UdpPlaneOptions } from './udp-plane.ts';

/** What a test opens is closed at its end, the proxy first; then no use and no session is left. */
export class UdpFixture {
  readonly #open: { close(): Promise<void> }[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (let resource = this.#open.pop(); resource; resource = this.#open.pop()) {
        await resource.close();
        if (!(resource instanceof UdpPlane)) continue;
        assert.equal(resource.sessions, 0);
        assert.equal(resource.inflight, 0, 'every use of a node is counted out');
      }
    });
  }

  async node(host?: string, port?: number): Promise<UdpNode> {
    return this.#own(await UdpNode.open(host, port));
  }

  async client(host?: string): Promise<UdpPeer> {
    return this.#own(await UdpPeer.open(host));
  }

  async plane(options: UdpPlaneOptions): Promise<UdpPlane> {
    return this.#own(await new UdpPlane(options).start());
  }

  /** A listener in front of as many echoing nodes. */
  async proxy(nodes: number, options: Partial<UdpPlaneOptions> = {}): Promise<{ nodes: UdpNode[]; proxy: UdpPlane }> {
    const echoes = await Promise.all(Array.from({ length: nodes }, () => this.node()));
    const proxy = await this.plane({ nodes: echoes.map(({ port }) => port), ...options });
    return { nodes: echoes, proxy };
  }

  #own<T extends { close(): Promise<void> }>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }
}
