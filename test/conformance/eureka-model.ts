import { eurekaAnswer, eurekaEntry } from '../support/eureka-entries.ts';
import type { HttpModel } from './http-registry.ts';
import type { Question, Reply } from './http-server.ts';
import type { Flaw, Place } from './registry.ts';

type Entry = Readonly<Record<string, unknown>>;

const FLAWED: Readonly<Record<Flaw, Entry>> = {
  host: { ipAddr: 'no host', hostName: '' },
  port: { ipAddr: '10.9.9.9', port: { $: 70_000, '@enabled': 'true' } },
  shape: { ipAddr: '10.9.9.9', port: { $: 'http', '@enabled': 'true' } },
  weight: { ipAddr: '10.9.9.9', metadata: { weight: 'much' } },
  entry: { ipAddr: '10.9.9.9', instanceId: undefined, hostName: undefined },
};

/** Lists everything, and in its deltas what has changed since it was started. */
export class EurekaModel implements HttpModel {
  readonly service = 'web';
  #entries = new Map<string, Entry>();
  readonly #recent = new Map<string, Entry>();
  #version = 10;
  /** The clock of the registry. */
  #time = 1;

  block({ origin }: URL) {
    return { eureka: { host: [origin], fetch_interval: 5 } };
  }

  put(places: readonly Place[] | null, flaw: Flaw | null): void {
    this.#version += 1;
    this.#time += 1;
    const before = this.#entries;
    this.#entries = this.#entriesOf(places ?? [], flaw);
    for (const [id, entry] of before) if (!this.#entries.has(id)) this.#tell(id, entry, 'DELETED');
    for (const [id, entry] of this.#entries) if (!before.has(id)) this.#tell(id, entry, 'ADDED');
  }

  /** As a server that was started anew: it counts from the beginning and has nothing to tell of the past. */
  rewind(places: readonly Place[]): void {
    this.put(places, null);
    this.#recent.clear();
    this.#version = 1;
  }

  answer({ url }: Question): Reply {
    const hash = this.#entries.size > 0 ? `UP_${this.#entries.size}_` : '';
    // Only deltas are counted: the whole has always the same number.
    if (!url.pathname.endsWith('/delta')) return { body: eurekaAnswer([...this.#entries.values()], hash, 1) };
    return { body: eurekaAnswer([...this.#recent.values()], hash, this.#version) };
  }

  #entriesOf(places: readonly Place[], flaw: Flaw | null): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    const add = (id: string, fields: Entry) =>
      entries.set(id, eurekaEntry(1, { instanceId: id, lastUpdatedTimestamp: String(this.#time), ...fields }));
    for (const { host, port } of places) {
      const id = `${host}:${port}`;
      add(entries.has(id) ? `${id}-again` : id, { ipAddr: host, port: { $: port, '@enabled': 'true' } });
    }
    if (flaw !== null) add('flawed', FLAWED[flaw]);
    return entries;
  }

  #tell(id: string, entry: Entry, actionType: string): void {
    this.#recent.set(id, { ...entry, actionType, lastUpdatedTimestamp: String(this.#time) });
  }
}
