import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import type { CollectionChange } from './collection.ts';
import type { EtcdClient, EtcdOptions } from './etcd-client.ts';
import { answerError, asObject } from './json-body.ts';
import { KeyedServices } from './kv-nodes.ts';
import type { LineStream } from './line-stream.ts';
import type { WrittenService, WrittenServices } from './written-services.ts';

/** What came of listening: changes, nothing for too long, or word that the revision to go on from is gone. */
type Heard = CollectionChange | 'silence' | 'compacted';

/**
 * The keys below a prefix, kept up to date: all of them at one revision, then a watch from the next revision on. When that
 * revision has been compacted away, and after each failure, all of them are read again and replace what is known.
 */
export class EtcdServices implements WrittenServices {
  readonly gate = null;
  readonly #options: EtcdOptions;
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  #services: KeyedServices;
  /** What is known is the state of this revision; 0 before the first answer. */
  #revision = 0;
  #cluster = '';
  #stream: LineStream | null = null;

  constructor(options: EtcdOptions, client: EtcdClient, clock: Clock) {
    this.#options = options;
    this.#client = client;
    this.#clock = clock;
    this.#services = new KeyedServices(options.defaultWeight);
  }

  service(name: string): WrittenService | undefined {
    return this.#services.service(name);
  }

  services(): Iterable<readonly [string, WrittenService]> {
    return this.#services.services();
  }

  deadline(fresh: boolean): number {
    const { timeout, watchTimeout, servers } = this.#options;
    return fresh ? timeout * servers.length : watchTimeout + timeout;
  }

  close(): void {
    this.#stream?.close();
    this.#stream = null;
  }

  async ask(fresh: boolean, signal: AbortSignal): Promise<{ value: CollectionChange; pause: number }> {
    return { value: fresh ? await this.#readAll(signal) : await this.#follow(signal), pause: 0 };
  }

  /** Asks the next member as well when one fails at once. */
  async #readAll(signal: AbortSignal): Promise<CollectionChange> {
    for (let left = this.#client.members - 1; ; left--) {
      try {
        return await this.#range(signal);
      } catch (error) {
        const blamed = this.#client.blame(error);
        if (left <= 0 || signal.aborted) throw blamed;
      }
    }
  }

  async #range(signal: AbortSignal): Promise<CollectionChange> {
    this.close();
    const answer = await this.#client.ask('/v3/kv/range', this.#keys(), signal);
    const { revision, cluster } = headerOf(answer);
    const services = new KeyedServices(this.#options.defaultWeight);
    for (const item of listOf(answer.kvs, 'keys')) services.put(this.#keyOf(item), textOf(item.value));
    const doubt = this.#doubtAbout(revision, cluster);
    this.#services = services;
    this.#revision = revision;
    this.#cluster = cluster;
    return { changed: null, confirms: true, doubt };
  }

  #doubtAbout(revision: number, cluster: string): string | undefined {
    if (this.#revision === 0) return undefined;
    if (cluster !== this.#cluster) return 'another cluster answers';
    return revision < this.#revision ? `the revision went back from ${this.#revision} to ${revision}` : undefined;
  }

  async #follow(signal: AbortSignal): Promise<CollectionChange> {
    let heard: Heard;
    try {
      this.#stream ??= await this.#open(signal);
      heard = await this.#hear(this.#stream, signal);
      if (heard === 'silence') {
        // A member that can't be heard any more, such as one behind a cut line, is found by asking anew.
        this.#stream = await this.#open(signal);
        heard = await this.#hear(this.#stream, signal);
      }
    } catch (error) {
      this.close();
      throw this.#client.blame(error);
    }
    if (heard === 'compacted') return this.#readAll(signal);
    if (heard === 'silence') throw this.#client.blame(answerError('does not begin a watch'));
    return heard;
  }

  #open(signal: AbortSignal): Promise<LineStream> {
    return this.#client.watch({ ...this.#keys(), start_revision: String(this.#revision + 1) }, signal);
  }

  async #hear(stream: LineStream, signal: AbortSignal): Promise<Heard> {
    let silent = false;
    const timer = this.#clock.after(this.#options.watchTimeout, () => {
      silent = true;
      stream.close();
    });
    try {
      const messages = await stream.next(signal);
      if (messages === null) throw answerError('ended a watch');
      return this.#take(messages);
    } catch (error) {
      if (silent && !signal.aborted) return 'silence';
      throw error;
    } finally {
      timer.cancel();
    }
  }

  #take(messages: readonly unknown[]): Heard {
    const changed = new Set<string>();
    for (const each of messages) {
      const message = asObject(each, 'a message of a watch');
      if (message.error !== undefined) throw answerError(`ended a watch: ${wordsOf(message.error)}`);
      const result = asObject(message.result, 'the result of a watch');
      if (Number(result.compact_revision ?? 0) > 0) return 'compacted';
      if (result.canceled === true) throw answerError(`ended a watch: ${wordsOf(result.cancel_reason)}`);
      this.#apply(result, changed);
    }
    return { changed, confirms: changed.size === 0, doubt: undefined };
  }

  #apply(result: JsonObject, changed: Set<string>): void {
    const { revision, cluster } = headerOf(result);
    const doubt = this.#doubtAbout(revision, cluster);
    if (doubt !== undefined) throw answerError(`has lost what it had: ${doubt}`);
    for (const event of listOf(result.events, 'events')) {
      const item = asObject(event.kv, 'the key of an event');
      const service = this.#services.put(this.#keyOf(item), event.type === 'DELETE' ? null : textOf(item.value));
      if (service !== null) changed.add(service);
      this.#revision = Math.max(this.#revision, Number(item.mod_revision) || 0);
    }
  }

  /** Everything that begins with the prefix: up to the prefix with its last byte one higher. */
  #keys(): JsonObject {
    const first = Buffer.from(this.#options.prefix);
    const end = Buffer.from(first);
    end[end.length - 1]! += 1;
    return { key: first.toString('base64'), range_end: end.toString('base64') };
  }

  #keyOf(item: JsonObject): string {
    return textOf(item.key).slice(this.#options.prefix.length);
  }
}

function headerOf(message: JsonObject): { readonly revision: number; readonly cluster: string } {
  const { revision, cluster_id: cluster } = asObject(message.header, 'a header');
  if (!/^\d{1,16}$/.test(String(revision))) throw answerError('answered without a revision');
  return { revision: Number(revision), cluster: String(cluster) };
}

function listOf(value: unknown, what: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw answerError(`answered with something else than a list of ${what}`);
  return value.map((item) => asObject(item, `an object in the list of ${what}`));
}

/** Keys and values travel in Base64. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
}

function wordsOf(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value.slice(0, 200);
  return value === undefined || value === '' ? 'no reason given' : JSON.stringify(value).slice(0, 200);
}
