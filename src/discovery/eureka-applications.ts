import { type EurekaApps, type EurekaInstance, hashOf } from './eureka-answer.ts';

/** Everything that a Eureka server listed: taken over whole, then kept current by its deltas. */
export class EurekaApplications {
  #instances: ReadonlyMap<string, EurekaInstance> = new Map();
  #grouped: ReadonlyMap<string, readonly EurekaInstance[]> | null = null;

  /** Instances by application. The same map until something changes. */
  get byApplication(): ReadonlyMap<string, readonly EurekaInstance[]> {
    this.#grouped ??= group(this.#instances.values());
    return this.#grouped;
  }

  get all(): Iterable<EurekaInstance> {
    return this.#instances.values();
  }

  replace(apps: EurekaApps): void {
    this.#put(new Map(apps.instances.map((instance) => [keyOf(instance), instance])));
  }

  /**
   * Takes in a delta. False when what comes out is not what the server has, by its hash: then nothing was taken in, and
   * the whole is to be fetched. A delta repeats the changes of the last minutes, and may be older than what is known.
   */
  apply(delta: EurekaApps): boolean {
    const instances = new Map(this.#instances);
    for (const instance of delta.instances) {
      const key = keyOf(instance);
      const known = instances.get(key);
      if (known && known.updatedAt > instance.updatedAt) continue;
      if (instance.action === 'DELETED') instances.delete(key);
      else instances.set(key, instance);
    }
    if (hashOf(instances.values()) !== delta.hash) return false;
    if (delta.instances.length > 0) this.#put(instances);
    return true;
  }

  #put(instances: ReadonlyMap<string, EurekaInstance>): void {
    this.#instances = instances;
    this.#grouped = null;
  }
}

function keyOf({ app, id }: EurekaInstance): string {
  return `${app} ${id}`;
}

function group(instances: Iterable<EurekaInstance>): Map<string, EurekaInstance[]> {
  const groups = new Map<string, EurekaInstance[]>();
  for (const instance of instances) {
    const group = groups.get(instance.app);
    if (group) group.push(instance);
    else groups.set(instance.app, [instance]);
  }
  return groups;
}
