import { nacosHost } from '../support/nacos-entries.ts';
import type { HttpModel } from './http-registry.ts';
import type { Question, Reply } from './http-server.ts';
import type { Flaw, Place } from './registry.ts';

const FLAWED: Readonly<Record<Flaw, Record<string, unknown>>> = {
  host: { ip: 'no host' },
  port: { ip: '10.9.9.9', port: 70_000 },
  shape: { ip: '10.9.9.9', port: 'http' },
  weight: { ip: '10.9.9.9', weight: 'much' },
};

/** Answers by the third API. */
export class NacosModel implements HttpModel {
  readonly service = 'web';
  #hosts: readonly unknown[] = [];

  block({ origin }: URL) {
    return { nacos: { host: [origin], fetch_interval: 5, push: false } };
  }

  put(places: readonly Place[] | null, flaw: Flaw | null): void {
    const hosts = (places ?? []).map(({ host, port }) => nacosHost(port, { ip: host }));
    this.#hosts = flaw === null ? hosts : [...hosts, nacosHost(1, FLAWED[flaw])];
  }

  answer(_: Question): Reply {
    return { body: { code: 0, message: 'success', data: this.#hosts } };
  }
}
