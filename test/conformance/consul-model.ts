import { consulEntry } from '../support/consul-entries.ts';
import type { HttpModel } from './http-registry.ts';
import type { Question, Reply } from './http-server.ts';
import type { Flaw, Place } from './registry.ts';
import { writtenList } from './written-list.ts';

const FLAWED: Readonly<Record<Flaw, object>> = {
  host: consulEntry({ id: 'flawed', address: 'no host', port: 1 }),
  port: consulEntry({ id: 'flawed', address: '10.9.9.9', port: 70_000 }),
  shape: consulEntry({ id: 'flawed', address: '10.9.9.9', port: 'http' }),
  weight: consulEntry({ id: 'flawed', address: '10.9.9.9', port: 1, weights: { Passing: 'much' } }),
  entry: { Node: { Node: 'n1', Address: '10.9.9.9' }, Checks: [] },
};

/** Answers at once, or when the index is above the one that was asked with: one that is ahead of it is not told anything. */
abstract class Indexed implements HttpModel {
  abstract readonly service: string;
  #index = 10;

  abstract block(url: URL): ReturnType<HttpModel['block']>;
  protected abstract keep(places: readonly Place[] | null, flaw: Flaw | null): void;
  protected abstract body(question: Question): unknown;

  put(places: readonly Place[] | null, flaw: Flaw | null): void {
    this.#index += 1;
    this.keep(places, flaw);
  }

  rewind(places: readonly Place[]): void {
    this.keep(places, null);
    this.#index = 3;
  }

  answer(question: Question, now: boolean): Reply | null {
    const known = Number(question.url.searchParams.get('index') ?? 0);
    if (!now && known >= this.#index) return null;
    return { body: this.body(question), headers: { 'x-consul-index': String(this.#index) } };
  }
}

export class ConsulModel extends Indexed {
  readonly service = 'web';
  #entries: readonly unknown[] | null = null;

  block({ origin }: URL) {
    return { consul: { servers: [origin], timeout: { wait: 10 } } };
  }

  protected override keep(places: readonly Place[] | null, flaw: Flaw | null): void {
    const entries = places?.map(({ host, port }, index) => consulEntry({ id: `web-${index}`, address: host, port }));
    const flawed = flaw === null ? [] : [FLAWED[flaw]];
    this.#entries = entries ? [...entries, ...flawed] : null;
  }

  protected override body({ url }: Question): unknown {
    if (url.pathname === '/v1/catalog/services') return this.#entries ? { web: [] } : {};
    return this.#entries ?? [];
  }
}

export class ConsulKvModel extends Indexed {
  readonly service = 'web';
  #value: string | null = null;

  block({ origin }: URL) {
    return { consul_kv: { servers: [origin], timeout: { wait: 10 } } };
  }

  protected override keep(places: readonly Place[] | null, flaw: Flaw | null): void {
    this.#value = places && Buffer.from(writtenList(places, flaw)).toString('base64');
  }

  protected override body(): unknown {
    return this.#value === null ? [] : [{ Key: 'upstreams/web', Value: this.#value }];
  }
}
