import type { HttpModel } from './http-registry.ts';
import type { Question, Reply } from './http-server.ts';
import type { Flaw, Place } from './registry.ts';
import { writtenList } from './written-list.ts';

const KEY = base64('/headgate/upstreams/web');

interface Change {
  readonly revision: number;
  readonly event: object;
}

/** One key with the list of the nodes. */
export class EtcdModel implements HttpModel {
  readonly service = 'web';
  #value: string | null = null;
  #changes: Change[] = [];
  #revision = 10;

  block({ origin }: URL) {
    return { etcd: { servers: [origin], timeout: { watch: 10 } } };
  }

  put(places: readonly Place[] | null, flaw: Flaw | null): void {
    this.#revision += 1;
    this.#value = places && base64(writtenList(places, flaw));
    const kv = { key: KEY, mod_revision: String(this.#revision), ...(this.#value !== null && { value: this.#value }) };
    this.#changes.push({ revision: this.#revision, event: { type: this.#value === null ? 'DELETE' : 'PUT', kv } });
  }

  rewind(places: readonly Place[]): void {
    this.#revision = 2;
    this.#changes = [];
    this.put(places, null);
  }

  answer(): Reply {
    const kvs = this.#value === null ? [] : [{ key: KEY, value: this.#value }];
    return { body: { header: this.#header(), kvs } };
  }

  news(question: Question): readonly unknown[] | null {
    if (question.url.pathname !== '/v3/watch') return null;
    if (question.position === 0) {
      question.position = startOf(question) - 1;
      return [{ result: { header: this.#header(), created: true } }, ...this.#since(question)];
    }
    return this.#since(question);
  }

  #since(question: Question): readonly unknown[] {
    const from = question.position;
    const news = this.#changes.filter(({ revision }) => revision > from || from > this.#revision);
    question.position = this.#revision;
    return news.length === 0 ? [] : [{ result: { header: this.#header(), events: news.map(({ event }) => event) } }];
  }

  #header(): object {
    return { cluster_id: 'c1', member_id: 'm1', revision: String(this.#revision) };
  }
}

function startOf({ body }: Question): number {
  const request = JSON.parse(body || '{}') as { readonly create_request?: { readonly start_revision?: string } };
  return Number(request.create_request?.start_revision ?? 1);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
