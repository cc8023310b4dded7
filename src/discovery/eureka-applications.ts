import { type EurekaApps, type EurekaInstance, hashOf } from './eureka-answer.ts';

/** Everything that a Eureka server listed: taken over whole, then kept current by its deltas. */
export class EurekaApplications {
  #instances: ReadonlyMap<string, EurekaInstance> = new Map();
  #grouped: ReadonlyMap<string, readonly EurekaInstance[]> = new Map();

  /** Instances by application. */
  get byApplication(): ReadonlyMap<string, readonly EurekaInstance[]> {
    return this.#grouped;
  }

  get all(): Iterable<EurekaInstance> {
    return this.#instances.values();
  }

  get size(): number {
    return this.#instances.size;
  }

  /**
   * Takes over the whole, and what a delta that was read just before knows that is newer: the server keeps both answers, and
   * either may be outdated. The times of the changes, all by the server's clock, tell which.
   */
  replace(apps: EurekaApps, delta: EurekaApps | null = null): void {
    const instances = new Map(apps.instances.map((instance) => [keyOf(instance), instance]));
    const newest = apps.instances.reduce((latest, { updatedAt }) => Math.max(latest, updatedAt), 0);
    for (const instance of delta?.instances ?? []) {
      // Without an id it can't be told which one it is.
      if (instance.fault !== null) continue;
      const key = keyOf(instance);
      if (instance.updatedAt <= (instances.get(key)?.updatedAt ?? newest)) continue;
      if (instance.action === 'DELETED') instances.delete(key);
      else instances.set(key, instance);
    }
    this.#instances = instances;
    this.#grouped = group(instances.values());
  }

  /** Whether what is known adds up to this hash. */
  fits(hash: string): boolean {
    return hashOf(this.#instances.values()) === hash;
  }

  /**
   * Takes in a delta, and tells the applications that changed. Null when what comes out is not what the server has, by its
   * hash: then nothing was taken in, and the whole is to be fetched. A delta repeats the changes of the last minutes, and
   * may be older than what is known.
   */
  apply(delta: EurekaApps): ReadonlySet<string> | null {
    const instances = new Map(this.#instances);
    const changed = new Set<string>();
    for (const instance of delta.instances) {
      const key = keyOf(instance);
      const deleted = instance.action === 'DELETED';
      if (isOld(instance, instances.get(key), deleted)) continue;
      if (deleted) instances.delete(key);
      else instances.set(key, instance);
      changed.add(instance.app);
    }
    if (hashOf(instances.values()) !== delta.hash) return null;
    if (changed.size > 0) {
      this.#instances = instances;
      this.#grouped = group(instances.values());
    }
    return changed;
  }
}

/** Whether an entry of a delta says nothing that is not known. */
function isOld(entry: EurekaInstance, known: EurekaInstance | undefined, deleted: boolean): boolean {
  if (!known) return deleted;
  if (known.updatedAt !== entry.updatedAt) return known.updatedAt > entry.updatedAt;
  return entry.updatedAt > 0 && !deleted && known.status === entry.status;
}

function keyOf({ app, id }: EurekaInstance): string {
  return `${app} ${id}`;
}

function group(instances: Iterable<EurekaInstance>): Map<string, readonly EurekaInstance[]> {
  const groups = new Map<string, EurekaInstance[]>();
  for (const instance of instances) {
    const group = groups.get(instance.app);
    if (group) group.push(instance);
    else groups.set(instance.app, [instance]);
  }
  return groups;
}
