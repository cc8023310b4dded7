import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { NodeView, UpstreamView } from '../../../src/admin/views.ts';
import type { DocumentInput } from '../../../src/config/types.ts';
import { formatAddress } from '../../../src/core/address.ts';
import type { Explanation } from '../../../src/upstream/explanation.ts';
import { HeadgateProcess } from '../headgate.ts';
import type { ChurnStep, ConfigChurn } from './config-churn.ts';

export const KEY = 'key-of-the-churn';
export const MIB = 1024 * 1024;

/** A gateway in a process of its own, which takes the steps of a churn and is held to what they should come to. */
export class ChurnGateway {
  readonly #headgate: HeadgateProcess;
  /** What each node had counted, by `upstream|host:port`. */
  #counts = new Map<string, NodeView['requests']>();

  private constructor(headgate: HeadgateProcess) {
    this.#headgate = headgate;
  }

  static async start(document: DocumentInput): Promise<ChurnGateway> {
    return new ChurnGateway(await HeadgateProcess.start(document));
  }

  get httpPort(): number {
    return this.#headgate.httpPort;
  }

  get tcpPort(): number {
    return this.#headgate.tcpPort;
  }

  get udpPort(): number {
    return this.#headgate.udpPort;
  }

  configure(document: object): void {
    this.#headgate.configure(document);
    this.#headgate.signal('SIGHUP');
  }

  /** Takes a step and waits until it is in force; what the churn knows of the nodes is then so. */
  async apply(step: ChurnStep, document: object, churn: ConfigChurn, why: () => string): Promise<void> {
    const seen = this.#headgate.events.length;
    if (step.kind === 'order') {
      const { action, upstream, node, weight } = step.order;
      await this.post(`/v1/nodes/${action}`, { upstream, node, ...(action === 'weight' ? { weight } : {}) });
    } else {
      this.configure(step.kind === 'refused' ? step.document : document);
      await this.#headgate.event(step.kind === 'refused' ? 'config.refused' : 'config.reloaded', seen);
    }
    for (let tries = 0; ; tries++) {
      const views = await this.upstreams();
      this.#checkCounts(views, why);
      const problem = differenceFrom(churn, views);
      if (problem === null) return;
      assert.ok(tries < 500, `${problem}\n${why()}`);
      await pause(20);
    }
  }

  /** What the gateway has reported as an error, besides the configurations that it had to refuse. */
  get errors(): readonly string[] {
    const errors = this.#headgate.events.filter(({ level, event }) => level === 'error' && event !== 'config.refused');
    return errors.map(({ event, message }) => `${event}: ${message}`);
  }

  upstreams(): Promise<UpstreamView[]> {
    return this.#headgate.admin<UpstreamView[]>('/v1/upstreams');
  }

  async upstream(id: string): Promise<UpstreamView> {
    return (await this.upstreams()).find((upstream) => upstream.id === id)!;
  }

  /** Requests and streams under way, over all nodes. */
  async inflight(): Promise<number> {
    const nodes = (await this.upstreams()).flatMap((upstream) => upstream.nodes);
    return nodes.reduce((sum, { inflight }) => sum + inflight, 0);
  }

  async post(path: string, body: object): Promise<unknown> {
    const headers = { 'content-type': 'application/json', 'x-api-key': KEY };
    const url = this.#headgate.adminUrl + path;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await answer.text();
    assert.equal(answer.status, 200, `${path} ${JSON.stringify(body)}: ${text}`);
    return JSON.parse(text);
  }

  /** The share of its weight that slow start leaves a node. */
  async slowStart(url: string, port: number): Promise<number> {
    const explanation = (await this.post('/v1/explain', { url })) as Explanation;
    return explanation.upstream!.nodes.find(({ node }) => node.endsWith(`:${port}`))!.slow_start;
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await pause(20);
  }

  footprint(): { readonly resident: number; readonly descriptors: number } {
    const { pid } = this.#headgate;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
    return { resident, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  }

  stop(): Promise<unknown> {
    return this.#headgate.stop();
  }

  /** No node that stayed counts less than before, and none was found bad: all of them are well. */
  #checkCounts(views: readonly UpstreamView[], why: () => string): void {
    const counts = new Map<string, NodeView['requests']>();
    for (const { id, nodes } of views) {
      for (const node of nodes) {
        const key = `${id}|${formatAddress(node)}`;
        const before = this.#counts.get(key);
        for (const [outcome, count] of Object.entries(node.requests)) {
          assert.ok(count >= (before?.[outcome] ?? 0), `${key}: ${outcome} ran backwards to ${count}\n${why()}`);
        }
        assert.ok(node.inflight >= 0, `${key}: ${node.inflight} in flight\n${why()}`);
        if (id !== 'steady') assert.notEqual(node.health, 'unhealthy', `${key}\n${why()}`);
        counts.set(key, node.requests);
      }
    }
    this.#counts = counts;
  }
}

/** Null when the nodes are as the churn has them, else the first difference. */
function differenceFrom(churn: ConfigChurn, views: readonly UpstreamView[]): string | null {
  for (const { id, nodes } of churn.upstreams) {
    const view = views.find((upstream) => upstream.id === id);
    const told = (view?.nodes ?? []).map((node) => {
      const { weight, priority, metadata, override } = node;
      const ordered = override && { state: override.state, weight: override.weight };
      return JSON.stringify([formatAddress(node), weight, priority, metadata, ordered]);
    });
    const wanted = nodes.map((node) => {
      const { weight, priority, metadata } = node;
      const order = churn.orders.get(`${id}|${formatAddress(node)}`);
      const ordered = order && (order.state ?? order.weight) !== null ? order : null;
      return JSON.stringify([formatAddress(node), weight, priority, metadata, ordered]);
    });
    const [a, b] = [told.toSorted(), wanted.toSorted()];
    if (a.join() !== b.join()) return `${id} has\n${a.join('\n')}\nand should have\n${b.join('\n')}`;
  }
  return null;
}
