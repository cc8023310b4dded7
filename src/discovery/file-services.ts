import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Clock, sleep } from '../core/clock.ts';
import { HeadgateError, reasonOf } from '../core/errors.ts';
import type { CollectionChange } from './collection.ts';
import { DirectoryChange } from './directory-change.ts';
import { readNodeList } from './node-list.ts';
import type { WrittenService, WrittenServices } from './written-services.ts';

/** Durations in milliseconds. */
export interface FileOptions {
  readonly path: string;
  readonly defaultWeight: number;
  /** The directory is looked at this often even if the system reports no change. */
  readonly interval: number;
}

/** A file counts only once it has stood still for so long: a writer may be in the middle of it. Milliseconds. */
const SETTLE_MS = 100;
const DEADLINE_MS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;
const NAME = /^([^.].*)\.(?:json|ya?ml)$/;

/** A file as it was when it was read. */
interface ReadFile {
  readonly service: string;
  /** Tells one content from another: place on disk, size and time of the last change. */
  readonly print: string;
  readonly content: WrittenService;
}

/** The node lists in a directory: `<service>.yaml`, `.yml` or `.json`. */
export class FileServices implements WrittenServices {
  readonly gate = null;
  readonly #options: FileOptions;
  readonly #clock: Clock;
  readonly #files = new Map<string, ReadFile>();
  #watch: DirectoryChange | null = null;
  /** Tells the watched directory from another one that took its name. */
  #identity = '';
  /** A file was being written at the last look. */
  #restless = false;

  constructor(options: FileOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** The files of one service, such as `web.json` beside `web.yaml`, together. */
  service(name: string): WrittenService | undefined {
    const parts = [...this.#files.values()].filter((file) => file.service === name).map((file) => file.content);
    return parts.length > 0 ? together(parts) : undefined;
  }

  *services(): Iterable<readonly [string, WrittenService]> {
    for (const name of new Set([...this.#files.values()].map((file) => file.service))) {
      yield [name, this.service(name)!];
    }
  }

  deadline(fresh: boolean): number {
    return fresh ? DEADLINE_MS : this.#options.interval + DEADLINE_MS;
  }

  close(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  async ask(fresh: boolean, signal: AbortSignal): Promise<{ value: CollectionChange; pause: number }> {
    if (!fresh) await this.#watch?.next(this.#restless ? SETTLE_MS : this.#options.interval, signal);
    await this.#rearm(fresh);
    const changed = await this.#look(signal);
    return { value: { changed: fresh ? null : changed, confirms: true, doubt: undefined }, pause: 0 };
  }

  /** Watches the directory that has the name now, before it is looked at: no change falls between the two. */
  async #rearm(fresh: boolean): Promise<void> {
    const { path } = this.#options;
    const identity = await stat(path).then(
      ({ dev, ino }) => `${dev} ${ino}`,
      () => '',
    );
    if (!fresh && identity === this.#identity) return;
    this.close();
    this.#identity = identity;
    this.#watch = new DirectoryChange(path, this.#clock);
  }

  /** Reads what has changed and stands still; the rest stays as it was until the next look. What is not as it was. */
  async #look(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const before = await this.#prints();
    this.#restless = false;
    if (!this.#differs(before)) return new Set();
    await sleep(this.#clock, SETTLE_MS, signal);
    const prints = await this.#prints();
    const changed = new Set<string>();
    for (const name of new Set([...this.#files.keys(), ...before.keys(), ...prints.keys()])) {
      const print = prints.get(name);
      if (print !== before.get(name)) this.#restless = true;
      else await this.#take(name, print, changed);
    }
    return changed;
  }

  #differs(prints: ReadonlyMap<string, string>): boolean {
    if (prints.size !== this.#files.size) return true;
    return [...prints].some(([name, print]) => this.#files.get(name)?.print !== print);
  }

  /** Takes a file in as it is now; without a print it is gone. */
  async #take(name: string, print: string | undefined, changed: Set<string>): Promise<void> {
    const known = this.#files.get(name);
    if (known?.print === print) return;
    const service = NAME.exec(name)?.[1] ?? name;
    changed.add(service);
    const content = print === undefined ? null : await this.#read(name);
    if (content === null || print === undefined) this.#files.delete(name);
    else this.#files.set(name, { service, print, content });
  }

  /** Null when it has gone in this moment. */
  async #read(name: string): Promise<WrittenService | null> {
    const path = join(this.#options.path, name);
    try {
      return readNodeList(contentOf(name, await readFile(path, 'utf8')), this.#options.defaultWeight);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      return { fault: `the file ${path} can't be used: ${reasonOf(error)}` };
    }
  }

  async #prints(): Promise<ReadonlyMap<string, string>> {
    const { path } = this.#options;
    const names = await readdir(path).catch((cause: unknown) => {
      const text = `the directory ${path} can't be read: ${reasonOf(cause)}`;
      throw new HeadgateError(text, { code: 'DISCOVERY_UNREACHABLE', source: 'self', cause });
    });
    const prints = new Map<string, string>();
    for (const name of names.filter((each) => NAME.test(each)).sort()) {
      const print = await printOf(join(path, name));
      if (print !== null) prints.set(name, print);
    }
    return prints;
  }
}

/** Null for what is no file, or no more. */
async function printOf(path: string): Promise<string | null> {
  const info = await stat(path, { bigint: true }).catch(() => null);
  if (!info?.isFile()) return null;
  return `${info.dev} ${info.ino} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
}

/** An empty file is one that is being written: a service without nodes is an empty list. */
function contentOf(name: string, text: string): unknown {
  if (text.length > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES / 1024 / 1024} MiB`);
  if (text.trim() === '') throw new Error('it is empty: write [] for a service without nodes');
  return name.endsWith('.json') ? JSON.parse(text) : parse(text);
}

function together(parts: readonly WrittenService[]): WrittenService {
  const faulty = parts.find((part) => 'fault' in part);
  if (faulty) return faulty;
  const lists = parts.flatMap((part) => ('nodes' in part ? [part] : []));
  return { nodes: lists.flatMap(({ nodes }) => nodes), unusable: lists.flatMap(({ unusable }) => unusable) };
}
