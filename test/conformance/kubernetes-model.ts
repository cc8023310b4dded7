import { endpointSlice } from '../support/endpoint-slice.ts';
import type { HttpModel } from './http-registry.ts';
import type { Question, Reply } from './http-server.ts';
import type { Flaw, Place } from './registry.ts';

/** The control plane of Kubernetes puts no more endpoints into one slice. */
const PER_SLICE = 100;

interface Change {
  readonly version: number;
  readonly type: string;
  readonly object: unknown;
}

const FLAWED: Readonly<Partial<Record<Flaw, object>>> = {
  host: endpointSlice([{ address: 'no host' }], { name: 'flawed', version: 1 }),
  port: endpointSlice([{ address: '10.9.9.9' }], {
    name: 'flawed',
    version: 1,
    ports: [{ name: 'http', port: 70_000, protocol: 'TCP' }],
  }),
  entry: endpointSlice([{ address: '10.9.9.9' }], { name: 'flawed', version: 1, addressType: 'IPX' }),
};

/** Lists EndpointSlices, and tells of changes in a stream. Each slice holds nodes with one port, as in Kubernetes. */
export class KubernetesModel implements HttpModel {
  readonly service = 'default/web:http';
  #slices = new Map<string, object>();
  #changes: Change[] = [];
  #version = 10;

  block({ hostname, port }: URL) {
    const service = { schema: 'http' as const, host: hostname, port: Number(port) };
    return { kubernetes: { service, timeout: { read: 5, watch: 10 } } };
  }

  put(places: readonly Place[] | null, flaw: Flaw | null): void {
    this.#version += 1;
    const before = this.#slices;
    this.#slices = new Map(slicesOf(places ?? [], flaw, this.#version));
    for (const [name, object] of before) if (!this.#slices.has(name)) this.#log('DELETED', object);
    for (const [name, object] of this.#slices) this.#log(before.has(name) ? 'MODIFIED' : 'ADDED', object);
  }

  /** As after a restore: a stream that is open goes on with an older version. */
  rewind(places: readonly Place[]): void {
    this.#version = 2;
    this.put(places, null);
    for (const change of this.#changes.splice(0)) if (change.version === this.#version) this.#changes.push(change);
  }

  answer(): Reply {
    const metadata = { resourceVersion: String(this.#version) };
    return { body: { kind: 'List', metadata, items: [...this.#slices.values()] } };
  }

  news(question: Question): readonly unknown[] | null {
    if (question.url.searchParams.get('watch') !== '1') return null;
    const from = question.position || Number(question.url.searchParams.get('resourceVersion'));
    const news = this.#changes.filter(({ version }) => version > from || from > this.#version);
    question.position = this.#version;
    return news.map(({ type, object }) => ({ type, object }));
  }

  #log(type: string, object: object): void {
    this.#changes.push({ version: this.#version, type, object: { ...object, ...versioned(object, this.#version) } });
  }
}

function versioned(object: object, version: number): object {
  const { metadata } = object as { readonly metadata: object };
  return { metadata: { ...metadata, resourceVersion: String(version) } };
}

function slicesOf(places: readonly Place[], flaw: Flaw | null, version: number): (readonly [string, object])[] {
  const slices: (readonly [string, object])[] = [];
  const ports = new Set(places.map(({ port }) => port));
  for (const port of ports) {
    const some = places.filter((place) => place.port === port).map(({ host }) => ({ address: host }));
    for (let at = 0; at < some.length; at += PER_SLICE) {
      const name = `web-${port}-${at}`;
      const facts = { name, version, ports: [{ name: 'http', port, protocol: 'TCP' }] };
      slices.push([name, endpointSlice(some.slice(at, at + PER_SLICE), facts)]);
    }
  }
  const flawed = flaw === null ? undefined : FLAWED[flaw];
  return flawed ? [...slices, ['flawed', flawed]] : slices;
}
