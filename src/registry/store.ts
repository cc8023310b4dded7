import type { Clock } from '../core/clock.ts';
import { sameData } from '../core/json.ts';
import type { Check, CheckDefinition, CheckStatus, Instance, Service } from './model.ts';
import { type Topic, Topics } from './topics.ts';

/** Told of every change, after it happened. */
export interface StoreListener {
  /** A check was added or replaced by one with another definition. */
  checkAdded(check: Check): void;
  checkRemoved(check: Check): void;
  checkChanged(check: Check): void;
  /** Something that outlives a restart changed. */
  dirty(): void;
}

function topicOf(service: string): `service:${string}` {
  return `service:${service}`;
}

/** Services, their checks and the change indices. Pure bookkeeping: no sockets, no timers. */
export class RegistryStore {
  readonly topics: Topics;
  readonly #clock: Clock;
  readonly #instances = new Map<string, Instance>();
  readonly #byName = new Map<string, Map<string, Instance>>();
  readonly #checks = new Map<string, Check>();
  readonly #checksOf = new Map<string, Map<string, Check>>();
  #listener: StoreListener | null = null;

  constructor(clock: Clock, startIndex: number) {
    this.#clock = clock;
    this.topics = new Topics(startIndex);
  }

  listen(listener: StoreListener): void {
    this.#listener = listener;
  }

  get size(): number {
    return this.#instances.size;
  }

  instances(): IterableIterator<Instance> {
    return this.#instances.values();
  }

  instance(id: string): Instance | null {
    return this.#instances.get(id) ?? null;
  }

  /** The instances of one service, in the order of their ids, as Consul lists them. */
  instancesOf(name: string): Instance[] {
    const found = [...(this.#byName.get(name)?.values() ?? [])];
    return found.sort((a, b) => (a.service.id < b.service.id ? -1 : 1));
  }

  checks(): IterableIterator<Check> {
    return this.#checks.values();
  }

  check(id: string): Check | null {
    return this.#checks.get(id) ?? null;
  }

  checksOf(serviceId: string): Check[] {
    const found = [...(this.#checksOf.get(serviceId)?.values() ?? [])];
    return found.sort((a, b) => (a.definition.id < b.definition.id ? -1 : 1));
  }

  /** Service names with the union of their instances' tags. */
  catalog(): Map<string, Set<string>> {
    const names = new Map<string, Set<string>>();
    for (const name of [...this.#byName.keys()].sort()) {
      const tags = new Set<string>();
      for (const { service } of this.instancesOf(name)) for (const tag of service.tags) tags.add(tag);
      names.set(name, tags);
    }
    return names;
  }

  /**
   * Adds or replaces an instance and its checks. Checks that it had and that are not among `checks` stay, as in Consul,
   * unless `replaceChecks`. A registration that changes nothing changes no index.
   */
  register(service: Service, checks: readonly CheckDefinition[], replaceChecks: boolean): void {
    const previous = this.#instances.get(service.id);
    if (previous && previous.service.name !== service.name) this.deregister(service.id);
    this.#putInstance(service);
    if (replaceChecks) {
      const wanted = new Set(checks.map((definition) => definition.id));
      for (const check of this.checksOf(service.id)) {
        if (!wanted.has(check.definition.id)) this.removeCheck(check.definition.id);
      }
    }
    for (const definition of checks) this.putCheck(definition);
  }

  #putInstance(service: Service): void {
    const previous = this.#instances.get(service.id);
    if (previous && sameData(previous.service, service)) return;
    const index = this.topics.advance();
    const instance: Instance = { service, createIndex: previous?.createIndex ?? index, modifyIndex: index };
    this.#instances.set(service.id, instance);
    const siblings = this.#byName.get(service.name) ?? new Map<string, Instance>();
    this.#byName.set(service.name, siblings);
    siblings.set(service.id, instance);
    this.#changed(['catalog', topicOf(service.name)]);
  }

  /** Removes an instance with its checks. False when there is none. */
  deregister(id: string): boolean {
    const instance = this.#instances.get(id);
    if (!instance) return false;
    const removed = this.checksOf(id);
    this.#checksOf.delete(id);
    for (const check of removed) this.#checks.delete(check.definition.id);
    this.#instances.delete(id);
    const name = instance.service.name;
    const siblings = this.#byName.get(name);
    siblings?.delete(id);
    this.topics.advance();
    for (const check of removed) this.#listener?.checkRemoved(check);
    const topics: Topic[] = removed.length > 0 ? ['catalog', 'checks'] : ['catalog'];
    if (siblings && siblings.size > 0) {
      this.#changed([...topics, topicOf(name)]);
    } else {
      this.#byName.delete(name);
      this.topics.vanished(topicOf(name));
      this.#changed(topics);
    }
    return true;
  }

  /** Adds or replaces a check of a registered service. Its status survives unless the definition states one. */
  putCheck(definition: CheckDefinition): void {
    let previous = this.#checks.get(definition.id) ?? null;
    if (previous && previous.definition.serviceId !== definition.serviceId) {
      this.removeCheck(definition.id);
      previous = null;
    }
    if (previous && sameData(previous.definition, definition)) return;
    const index = this.topics.advance();
    const status = previous?.status ?? definition.initial ?? 'critical';
    const check: Check = {
      definition,
      status,
      output: previous?.output ?? '',
      criticalSince: status === 'critical' ? (previous?.criticalSince ?? this.#clock.now()) : null,
      createIndex: previous?.createIndex ?? index,
      modifyIndex: index,
    };
    this.#replace(check);
    this.#listener?.checkAdded(check);
    this.#changed(this.#topicsOf(check));
  }

  /** False when there is no such check. */
  removeCheck(id: string): boolean {
    const check = this.#checks.get(id);
    if (!check) return false;
    this.#checks.delete(id);
    this.#checksOf.get(check.definition.serviceId)?.delete(id);
    this.topics.advance();
    this.#listener?.checkRemoved(check);
    this.#changed(this.#topicsOf(check));
    return true;
  }

  /** Records a result. A new output with the same status wakes nobody. */
  setStatus(id: string, status: CheckStatus, output: string): void {
    const previous = this.#checks.get(id);
    if (!previous) return;
    if (previous.status === status) {
      if (previous.output !== output) this.#replace({ ...previous, output });
      return;
    }
    const check: Check = {
      ...previous,
      status,
      output,
      criticalSince: status === 'critical' ? this.#clock.now() : null,
      modifyIndex: this.topics.advance(),
    };
    this.#replace(check);
    this.#listener?.checkChanged(check);
    this.#changed(this.#topicsOf(check));
  }

  #replace(check: Check): void {
    const { id, serviceId } = check.definition;
    this.#checks.set(id, check);
    const siblings = this.#checksOf.get(serviceId) ?? new Map<string, Check>();
    this.#checksOf.set(serviceId, siblings);
    siblings.set(id, check);
  }

  #topicsOf(check: Check): Topic[] {
    const owner = this.#instances.get(check.definition.serviceId);
    return owner ? ['checks', topicOf(owner.service.name)] : ['checks'];
  }

  #changed(topics: readonly Topic[]): void {
    this.topics.changed(topics);
    this.#listener?.dirty();
  }
}
