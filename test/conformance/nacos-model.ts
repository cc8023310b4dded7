import { nacosHost } from '../support/nacos-entries.ts';
import type { HttpModel } from './http-registry.ts';
import type { Question, Reply } from './http-server.ts';
import type { Flaw, Place } from './registry.ts';

const FLAWED: Readonly<Record<Flaw, unknown>> = {
  host: nacosHost(1, { ip: 'no host' }),
  port: nacosHost(1, { ip: '10.9.9.9', port: 70_000 }),
  shape: nacosHost(1, { ip: '10.9.9.9', port: 'http' }),
  weight: nacosHost(1, { ip: '10.9.9.9', weight: 'much' }),
  entry: '10.9.9.9:1',
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
    this.#hosts = flaw === null ? hosts : [...hosts, FLAWED[flaw]];
  }

  answer(_: Question): Reply {
    return { body: { code: 0, message: 'success', data: this.#hosts } };
  }
}
