import type { Clock } from '../core/clock.ts';
import { HeadgateError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { CollectionChange, CollectionSource } from './collection.ts';
import type { Gate } from './gate.ts';
import { answerError, asObject } from './json-body.ts';
import { EXPIRED, type KubernetesClient, type KubernetesResource, statusFailure } from './kubernetes-client.ts';
import type { LineStream } from './line-stream.ts';

/** What is kept of an object, and under which key it is looked up. */
export interface Kept<T> {
  readonly key: string;
  readonly value: T;
}

export interface KubernetesCollectionParts<T> {
  readonly client: KubernetesClient;
  readonly resource: KubernetesResource;
  /** Null for an object that is of no interest. Throws DISCOVERY_ANSWER for one that can't be right. */
  readonly read: (object: JsonObject, name: string) => Kept<T> | null;
  readonly gate: Gate;
  readonly clock: Clock;
  /** Milliseconds for an answer, and for a watch until it is asked for anew. */
  readonly timeout: number;
  readonly watchTimeout: number;
}

/** Objects in one page of a list: with a hundred endpoints each, as Kubernetes makes them, about ten megabytes. */
const PAGE = 200;
/** A watch that ends sooner than this and has said nothing is a fault: asking again at once would not stop. */
const MIN_WATCH_MS = 1_000;

/**
 * The objects of one kind, kept up to date: a list, then a watch from the version of the list on, and from the last version
 * that was heard of when a watch ends in order. Each failure leads to another list, which replaces what is known in one step.
 *
 * One watch brings the changes of all services of a namespace. A watch for each service would cost the server more, as it
 * compares every change with every watch, and would hold a connection each: a thousand services, a thousand connections.
 */
export class KubernetesCollection<T> implements CollectionSource {
  readonly gate: Gate;
  readonly #parts: KubernetesCollectionParts<T>;
  #objects = new ObjectTable<T>();
  /** `resourceVersion` of what is known; empty before the first list. */
  #version = '';
  #stream: LineStream | null = null;
  #openedAt = 0;
  /** The stream has said something. */
  #alive = false;
  /** The last list was made because the server had forgotten our version, and no event has come since. */
  #relisted = false;

  constructor(parts: KubernetesCollectionParts<T>) {
    this.#parts = parts;
    this.gate = parts.gate;
  }

  /** What is kept under a key. */
  of(key: string): Iterable<T> {
    return this.#objects.of(key);
  }

  all(): Iterable<readonly [key: string, value: T]> {
    return this.#objects.all();
  }

  deadline(fresh: boolean): number {
    const { timeout, watchTimeout } = this.#parts;
    return fresh ? timeout : watchTimeout + timeout;
  }

  close(): void {
    this.#stream?.close();
    this.#stream = null;
  }

  async ask(fresh: boolean, signal: AbortSignal): Promise<{ value: CollectionChange; pause: number }> {
    try {
      return { value: fresh ? await this.#list(signal) : await this.#follow(signal), pause: 0 };
    } catch (error) {
      throw this.#parts.client.blame(error);
    }
  }

  /** Events, or a new list when the server has forgotten the version to go on from: that is no failure. */
  async #follow(signal: AbortSignal): Promise<CollectionChange> {
    try {
      return await this.#watch(signal);
    } catch (error) {
      const expired = error instanceof HeadgateError && error.code === EXPIRED;
      if (!expired || this.#relisted || signal.aborted) throw error;
      this.#relisted = true;
      return await this.#list(signal);
    }
  }

  async #list(signal: AbortSignal): Promise<CollectionChange> {
    const { client, resource, read } = this.#parts;
    this.close();
    const objects = new ObjectTable<T>();
    const parameters = new URLSearchParams({ limit: String(PAGE) });
    for (;;) {
      const page = asObject(await client.list(resource, parameters, signal), 'a list');
      const metadata = asObject(page.metadata, 'the metadata of a list');
      if (!Array.isArray(page.items) && page.items !== null) throw answerError('answered with a list without items');
      for (const item of page.items ?? []) {
        const { object, name } = asNamed(item);
        objects.put(name, read(object, name));
      }
      const version = versionOf(metadata, 'a list');
      if (typeof metadata.continue !== 'string' || metadata.continue === '') return this.#replace(objects, version);
      parameters.set('continue', metadata.continue);
    }
  }

  #replace(objects: ObjectTable<T>, version: string): CollectionChange {
    const back = isOlder(version, this.#version);
    const doubt = back ? `the resourceVersion went back from ${this.#version} to ${version}` : undefined;
    this.#objects = objects;
    this.#version = version;
    return { changed: null, confirms: true, doubt };
  }

  async #watch(signal: AbortSignal): Promise<CollectionChange> {
    const stream = (this.#stream ??= await this.#open(signal));
    const events = await stream.next(signal);
    const changed = new Set<string>();
    if (events === null) {
      this.close();
      if (!this.#alive && this.#parts.clock.now() - this.#openedAt < MIN_WATCH_MS) {
        throw answerError('ended a watch as soon as it had begun');
      }
    }
    for (const event of events ?? []) this.#apply(asObject(event, 'an event'), changed);
    return { changed, confirms: changed.size === 0, doubt: undefined };
  }

  async #open(signal: AbortSignal): Promise<LineStream> {
    const { client, resource, clock, watchTimeout } = this.#parts;
    const parameters = new URLSearchParams({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version,
      timeoutSeconds: String(Math.max(1, Math.round(watchTimeout / 1000))),
    });
    this.#openedAt = clock.now();
    this.#alive = false;
    return client.watch(resource, parameters, signal);
  }

  #apply(event: JsonObject, changed: Set<string>): void {
    const object = asObject(event.object, 'the object of an event');
    if (event.type === 'ERROR') {
      const status = typeof object.code === 'number' ? object.code : 500;
      throw statusFailure(this.#parts.resource, 'watch', status, String(object.message ?? ''));
    }
    const version = versionOf(asObject(object.metadata, 'the metadata of an event'), 'an event');
    if (isOlder(version, this.#version)) {
      throw answerError(`sent an event of the version ${version} after one of ${this.#version}`);
    }
    if (event.type !== 'BOOKMARK') this.#change(event.type, object, changed);
    this.#version = version;
    this.#alive = true;
    this.#relisted = false;
  }

  #change(type: unknown, item: JsonObject, changed: Set<string>): void {
    if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
      throw answerError(`sent an event of the type ${JSON.stringify(type)}`);
    }
    const { object, name } = asNamed(item);
    const kept = type === 'DELETED' ? null : this.#parts.read(object, name);
    const before = this.#objects.put(name, kept);
    if (before !== null) changed.add(before);
    if (kept !== null) changed.add(kept.key);
  }
}

/** Objects by name, and by the key that they are looked up with. */
class ObjectTable<T> {
  readonly #keys = new Map<string, string>();
  readonly #groups = new Map<string, Map<string, T>>();

  of(key: string): Iterable<T> {
    return this.#groups.get(key)?.values() ?? [];
  }

  *all(): Iterable<readonly [string, T]> {
    for (const [key, group] of this.#groups) for (const value of group.values()) yield [key, value];
  }

  /** Puts it in the place of what had the name; null takes that out. The key that the name had before, or null. */
  put(name: string, kept: Kept<T> | null): string | null {
    const before = this.#keys.get(name) ?? null;
    if (before !== null) this.#remove(before, name);
    if (kept === null) return before;
    this.#keys.set(name, kept.key);
    const group = this.#groups.get(kept.key) ?? new Map<string, T>();
    this.#groups.set(kept.key, group.set(name, kept.value));
    return before;
  }

  #remove(key: string, name: string): void {
    this.#keys.delete(name);
    const group = this.#groups.get(key);
    group?.delete(name);
    if (group?.size === 0) this.#groups.delete(key);
  }
}

/** Versions are compared as numbers, which Kubernetes promises since 1.35 and has always given; other texts tell nothing. */
function isOlder(version: string, than: string): boolean {
  return /^\d{1,20}$/.test(version) && /^\d{1,20}$/.test(than) && BigInt(version) < BigInt(than);
}

function versionOf(metadata: JsonObject, what: string): string {
  const version = metadata.resourceVersion;
  if (typeof version === 'string' && version !== '') return version;
  throw answerError(`answered with ${what} without a resourceVersion`);
}

function asNamed(item: unknown): { readonly object: JsonObject; readonly name: string } {
  const object = asObject(item, 'an object of a list');
  const { name, namespace } = asObject(object.metadata, 'the metadata of an object');
  if (typeof name !== 'string' || typeof namespace !== 'string')
    throw answerError('answered with an object without a name');
  return { object, name: `${namespace}/${name}` };
}
