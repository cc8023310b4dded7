import { hash } from 'node:crypto';
import type { ConsulBody, ConsulClient } from './consul-client.ts';
import type { Answer } from './watch-loop.ts';

/** An answer that carries no usable index can't make us wait: Consul is asked this often then (ms). */
const POLL_MS = 1_000;

/** What Consul says, and why it may have lost its data. */
export interface Told<T> {
  readonly value: T;
  readonly doubt: string | undefined;
}

/** Where one watch stands in Consul's history: the index, and which server gave it. */
export class ConsulPosition<T> {
  readonly #path: string;
  readonly #scope: string;
  readonly #client: ConsulClient;
  readonly #wait: number;
  #index = 0;
  #server = -1;
  /** The last answer that could be read. Most are the same again, and reading one costs several times what a digest does. */
  #known: { readonly digest: string; readonly value: T } | null = null;

  /** `path` ends so that parameters can be appended. `wait` in milliseconds. */
  constructor({ path, scope }: { readonly path: string; readonly scope: string }, client: ConsulClient, wait: number) {
    this.#path = path;
    this.#scope = scope;
    this.#client = client;
    this.#wait = wait;
  }

  /** An index that went backwards, or another server, means that the next question must not wait for the old index. */
  waits(fresh: boolean): boolean {
    return !fresh && this.#index > 0 && this.#client.preferred === this.#server;
  }

  /** Asks the next server as well when one fails at once. */
  async ask(fresh: boolean, read: (answer: ConsulBody) => T, signal: AbortSignal): Promise<Answer<Told<T>>> {
    for (let left = this.#client.servers - 1; ; left--) {
      try {
        return await this.#askOne(this.waits(fresh), read, signal);
      } catch (error) {
        if (left <= 0 || signal.aborted) throw error;
      }
    }
  }

  async #askOne(waits: boolean, read: (answer: ConsulBody) => T, signal: AbortSignal): Promise<Answer<Told<T>>> {
    const suffix = waits ? `&index=${this.#index}&wait=${Math.round(this.#wait)}ms` : '';
    const question = { path: this.#path + suffix, scope: this.#scope, waits };
    const { value, index, server } = await this.#client.ask(question, (answer) => this.#read(answer, read), signal);
    const doubt = this.#doubtAbout(index, server);
    this.#index = index < this.#index && server === this.#server ? 0 : index;
    this.#server = server;
    return { value: { value, doubt }, pause: index === 0 ? POLL_MS : 0 };
  }

  #read(answer: ConsulBody, read: (answer: ConsulBody) => T): T {
    if (answer.bytes === null) return read(answer);
    const digest = `${hash('sha1', answer.bytes, 'base64')} ${answer.filtered} ${answer.anonymous}`;
    if (this.#known?.digest !== digest) this.#known = { digest, value: read(answer) };
    return this.#known.value;
  }

  #doubtAbout(index: number, server: number): string | undefined {
    if (this.#server < 0 || index === 0) return undefined;
    if (server !== this.#server) return 'the questions went over to another server';
    return index < this.#index ? `the index went back from ${this.#index} to ${index}` : undefined;
  }
}
