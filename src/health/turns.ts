import type { Check } from './check.ts';

/** Checks of one upstream that wait for their turn, and how many are under way. */
interface Group {
  readonly waiting: Set<Check>;
  running: number;
}

/**
 * Who is probed next when more is due than may run: the upstreams take turns, each within its own cap, so that one whose
 * nodes all hang does not hold up the others.
 */
export class Turns {
  readonly #limit: number;
  readonly #groups = new Map<string, Group>();
  /** Groups with something waiting and room to run it, the one whose turn it is first. */
  readonly #turns = new Set<Group>();
  #running = 0;

  /** `limit`: probes under way at once over all groups. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  add(check: Check): void {
    let group = this.#groups.get(check.group);
    if (!group) {
      group = { waiting: new Set(), running: 0 };
      this.#groups.set(check.group, group);
    }
    group.waiting.add(check);
    if (hasRoom(group, check)) this.#turns.add(group);
  }

  /** Takes out a check that waits. */
  remove(check: Check): void {
    const group = this.#groups.get(check.group);
    if (!group?.waiting.delete(check)) return;
    this.#drop(check.group, group);
  }

  /** The next check to run, counted as running; null when none may. */
  next(): Check | null {
    if (this.#running >= this.#limit) return null;
    for (const group of this.#turns) {
      this.#turns.delete(group);
      const check = first(group.waiting);
      if (!check || !hasRoom(group, check)) continue;
      group.waiting.delete(check);
      group.running += 1;
      this.#running += 1;
      const following = first(group.waiting);
      if (following && hasRoom(group, following)) this.#turns.add(group);
      return check;
    }
    return null;
  }

  finished(check: Check): void {
    const group = this.#groups.get(check.group);
    if (!group) return;
    group.running -= 1;
    this.#running -= 1;
    const following = first(group.waiting);
    if (following && hasRoom(group, following)) this.#turns.add(group);
    this.#drop(check.group, group);
  }

  #drop(name: string, group: Group): void {
    if (group.running > 0 || group.waiting.size > 0) return;
    this.#groups.delete(name);
    this.#turns.delete(group);
  }
}

function hasRoom(group: Group, check: Check): boolean {
  return group.running < Math.max(1, check.plan.concurrency);
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const item of set) return item;
  return undefined;
}
