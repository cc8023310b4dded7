import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { reasonOf } from '../core/errors.ts';
import { LateFile } from '../core/late-file.ts';
import type { Log } from '../core/log.ts';
import type { Closable } from '../core/scope.ts';
import { decodeLastGood, encodeLastGood, type LastGood } from './last-good-format.ts';
import { type CatalogEntry, type Node, type ServiceQuery, sourceKey } from './types.ts';
import type { CachedMembers } from './watched-set.ts';

/** A set that nobody confirmed for longer is served and flagged. */
const MAX_AGE_MS = 24 * 3600_000;
/** A change is written after this time, and a confirmation that changes nothing after the second one. */
const CHANGE_DELAY_MS = 1_000;
const CONFIRM_DELAY_MS = 600_000;
const FILE_NAME = /^discovery-([A-Za-z0-9_.-]+)\.json$/;

interface SourceCache {
  readonly sets: Map<string, LastGood['sets'][number]>;
  catalog: LastGood['catalog'];
  /** Null where nothing is kept on disk. */
  readonly file: LateFile | null;
}

/**
 * The last good sets of every source, on disk: what lets a restarted gateway serve while a registry is down.
 *
 * One file per source, replaced atomically. Reading and writing never stop anything: a file that can't be used, a full
 * disk or a missing directory is a warning.
 */
export class LastGoodCache implements Closable {
  readonly #directory: string | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sources = new Map<string, SourceCache>();
  /** The directory could not be read at the start, which was told. */
  #unusable = false;

  /** Without a directory nothing is kept beyond the process. */
  constructor(directory: string | null, clock: Clock, log: Log) {
    this.#directory = directory;
    this.#clock = clock;
    this.#log = log;
  }

  /** Reads what an earlier run left. Never rejects. */
  async load(): Promise<void> {
    const directory = this.#directory;
    if (directory === null) return;
    try {
      await mkdir(directory, { recursive: true });
      const names = await readdir(directory);
      await Promise.all(names.map((name) => this.#loadFile(directory, name)));
    } catch (error) {
      this.#warn(`the state directory ${directory} can't be used: ${reasonOf(error)}`);
      this.#unusable = true;
    }
  }

  /** What an earlier run knew of a service; null when it knew no nodes. */
  nodes(query: ServiceQuery): CachedMembers<Node> | null {
    const set = this.#sources.get(query.source)?.sets.get(sourceKey(query));
    return set && set.nodes.length > 0 ? this.#aged(set.nodes, set.at) : null;
  }

  catalog(source: string): CachedMembers<CatalogEntry> | null {
    const catalog = this.#sources.get(source)?.catalog;
    return catalog && catalog.entries.length > 0 ? this.#aged(catalog.entries, catalog.at) : null;
  }

  putNodes(query: ServiceQuery, nodes: readonly Node[]): void {
    const cache = this.#source(query.source);
    const key = sourceKey(query);
    const delay = cache.sets.get(key)?.nodes === nodes ? CONFIRM_DELAY_MS : CHANGE_DELAY_MS;
    cache.sets.set(key, { query, nodes, at: this.#clock.wall() });
    cache.file?.dirty(delay);
  }

  putCatalog(source: string, entries: readonly CatalogEntry[]): void {
    const cache = this.#source(source);
    const delay = cache.catalog?.entries === entries ? CONFIRM_DELAY_MS : CHANGE_DELAY_MS;
    cache.catalog = { entries, at: this.#clock.wall() };
    cache.file?.dirty(delay);
  }

  /** The service is not wanted any more. */
  forgetNodes(query: ServiceQuery): void {
    const cache = this.#sources.get(query.source);
    if (cache?.sets.delete(sourceKey(query))) cache.file?.dirty(CHANGE_DELAY_MS);
  }

  forgetCatalog(source: string): void {
    const cache = this.#sources.get(source);
    if (!cache?.catalog) return;
    cache.catalog = null;
    cache.file?.dirty(CHANGE_DELAY_MS);
  }

  /** Writes what is not written yet, until `deadline` at the latest. */
  async close(deadline: number): Promise<void> {
    await Promise.all([...this.#sources.values()].map((cache) => cache.file?.close(deadline)));
  }

  #source(source: string): SourceCache {
    let cache = this.#sources.get(source);
    if (!cache) {
      cache = { sets: new Map(), catalog: null, file: this.#file(source) };
      this.#sources.set(source, cache);
    }
    return cache;
  }

  #file(source: string): LateFile | null {
    if (this.#directory === null) return null;
    const path = join(this.#directory, `discovery-${source}.json`);
    const encode = () => {
      const { sets, catalog } = this.#source(source);
      return encodeLastGood({ sets: [...sets.values()], catalog });
    };
    const onFailure = (error: unknown) => {
      if (!this.#unusable) this.#warn(`the last good sets can't be written to ${path}: ${reasonOf(error)}`);
    };
    return new LateFile({ path, clock: this.#clock, encode, onFailure });
  }

  #aged<T>(members: readonly T[], at: number): CachedMembers<T> {
    return { members, at, expired: this.#clock.wall() - at > MAX_AGE_MS };
  }

  async #loadFile(directory: string, name: string): Promise<void> {
    const source = FILE_NAME.exec(name)?.[1];
    if (source === undefined) return;
    const path = join(directory, name);
    try {
      const content = decodeLastGood(await readFile(path, 'utf8'));
      const cache = this.#source(source);
      for (const set of content.sets) {
        if (set.query.source === source) cache.sets.set(sourceKey(set.query), set);
      }
      cache.catalog = content.catalog;
    } catch (error) {
      this.#log.warn('discovery.cache-ignored', `${path} is ignored: ${reasonOf(error)}`, { path });
    }
  }

  #warn(message: string): void {
    this.#log.warn('discovery.cache-failed', `${message}; a restart during an outage of the registry will start empty`);
  }
}
