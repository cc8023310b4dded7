import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { endpointSlice } from '../endpoint-slice.ts';
import { ADMIN_TOKEN, KubernetesServer } from '../kubernetes.ts';
import { type Dialect, type Distortion, HttpFaultProxy, type Json, type Question } from './http-fault-proxy.ts';
import type { DrillNode, RegistryHarness } from './registry-harness.ts';

/** Endpoints that Kubernetes puts in one slice. */
const SLICE = 100;

/** Lists, and streams of events; both name the resourceVersion, and a watch that goes on from one asks for it. */
class KubernetesDialect implements Dialect {
  readonly expiry = JSON.stringify({
    type: 'ERROR',
    object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version', metadata: {} },
  });
  #version = 0;

  half(): number {
    return this.#version >> 1;
  }

  ask({ path, body }: Question, shift: number): Question {
    return {
      path: path.replace(/(resourceVersion=)(\d+)/, (_, name, version) => name + (Number(version) + shift)),
      body,
    };
  }

  atOnce({ path, body }: Question): Question {
    return { path: path.replace(/&resourceVersion=\d+/, ''), body };
  }

  streams({ path }: Question): boolean {
    return path.includes('watch=1');
  }

  answer(_: Question, message: unknown, _fields: Record<string, string>, { part, shift }: Distortion): unknown {
    const { object, metadata, items } = message as Json;
    const place = ((object as Json | undefined)?.metadata ?? metadata) as Json;
    const version = Number(place.resourceVersion);
    this.#version = Math.max(this.#version, version || 0);
    if (version > 0) place.resourceVersion = String(version - shift);
    if (part === null || !Array.isArray(items)) return message;
    return { ...(message as Json), metadata: { ...place, continue: '' }, items: items.slice(0, part) };
  }
}

/**
 * An API server on an etcd of its own. It takes no loopback addresses for endpoints, but hands on those that it finds in its
 * store: the slices are written there, one for a node, or one for a hundred nodes where there are many.
 */
export class KubernetesHarness implements RegistryHarness {
  readonly source = 'kubernetes';
  readonly service = 'default/drill:http';
  readonly empty = { state: 'held', reason: /→ 0 nodes after / } as const;
  readonly counts = true;
  readonly proxy: HttpFaultProxy;
  readonly #kubernetes: KubernetesServer;

  private constructor(kubernetes: KubernetesServer, proxy: HttpFaultProxy) {
    this.#kubernetes = kubernetes;
    this.proxy = proxy;
  }

  static async start(binary: string): Promise<KubernetesHarness> {
    const kubernetes = await KubernetesServer.start(binary);
    const authority = readFileSync(kubernetes.caFile, 'utf8');
    const origin = `https://127.0.0.1:${kubernetes.port}`;
    return new KubernetesHarness(kubernetes, await HttpFaultProxy.start(origin, new KubernetesDialect(), authority));
  }

  discovery(behind: 'proxy' | 'nothing'): object {
    const { port, caFile } = this.#kubernetes;
    const client = { token: ADMIN_TOKEN };
    return behind === 'proxy'
      ? { kubernetes: { service: { schema: 'http', host: '127.0.0.1', port: portOf(this.proxy.address) }, client } }
      : { kubernetes: { service: { host: '127.0.0.1', port }, client: { ...client, ca_file: caFile } } };
  }

  async register(nodes: readonly DrillNode[]): Promise<void> {
    for (const slice of slicesOf(nodes)) {
      const [{ name, port }] = slice as [DrillNode];
      const endpoints = slice.map(({ host }) => ({ address: host }));
      const facts = { name, service: 'drill', ports: [{ name: 'http', port }] };
      await this.#kubernetes.etcd.put(keyOf(name), JSON.stringify(endpointSlice(endpoints, facts)));
    }
  }

  async deregister(nodes: readonly DrillNode[]): Promise<void> {
    for (const [first] of slicesOf(nodes)) await this.#kubernetes.etcd.delete(keyOf(first!.name));
  }

  change(node: DrillNode, listed: boolean): Promise<void> {
    return listed ? this.register([node]) : this.deregister([node]);
  }

  async settle(): Promise<void> {}

  async shows({ host, port }: DrillNode, listed: boolean): Promise<void> {
    for (;;) {
      const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?resourceVersion=0';
      const { items } = (await this.#kubernetes.call('GET', path)) as { items: Slice[] };
      const found = items.some(
        ({ endpoints, ports }) =>
          ports[0]?.port === port && endpoints.some(({ addresses }) => addresses.includes(host)),
      );
      if (found === listed) return;
      await pause(2);
    }
  }

  kill(): Promise<void> {
    return this.#kubernetes.kill();
  }

  async restart(): Promise<void> {
    await this.#kubernetes.etcd.restartEmpty();
    await this.#kubernetes.restart();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.#kubernetes.stop();
  }
}

interface Slice {
  readonly ports: readonly { readonly port: number }[];
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}

function keyOf(name: string): string {
  return `/registry/endpointslices/default/${name}`;
}

/** Nodes of a slice have one port, so a few are written one by one. */
function slicesOf(nodes: readonly DrillNode[]): readonly (readonly DrillNode[])[] {
  const size = nodes.length > SLICE ? SLICE : 1;
  return Array.from({ length: Math.ceil(nodes.length / size) }, (_, at) => nodes.slice(at * size, (at + 1) * size));
}

function portOf(address: string): number {
  return Number(new URL(address).port);
}
