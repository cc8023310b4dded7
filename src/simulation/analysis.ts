import { STRETCH_MS } from './recorder.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';

/** What is looked at to tell whether traffic has followed: a second, of so many stretches. */
const WINDOW_MS = 1000;
const SECOND = WINDOW_MS / STRETCH_MS;
/** A node has been left when for a second it gets less than this part of what its peers get, by weight; back above that. */
const LEFT = 0.2;
const BACK = 0.5;

/** How soon traffic followed one change of one node. */
export interface Reaction {
  /** The node or group of the event; `churn` for nodes that left by chance. */
  readonly cause: string;
  readonly node: string;
  /** Seconds since the start at which the node changed. */
  readonly at: number;
  readonly kind: 'left' | 'back';
  /** Seconds until traffic had followed; null when it did not before the next change of the node. */
  readonly after: number | null;
}

/** The reactions to all changes of one cause. */
export interface Reactions {
  readonly cause: string;
  readonly kind: Reaction['kind'];
  /** Of the first change. */
  readonly at: number;
  readonly count: number;
  /** The slowest; null when traffic never followed. */
  readonly slowest: number | null;
  /** How often it did not. */
  readonly missed: number;
}

/** Share of all picks by node. */
export function sharesOf({ record, fleet }: Run): ReadonlyMap<string, number> {
  const totals = fleet.names.map((name) => [name, picksOf(record.picks.get(name))] as const);
  const all = totals.reduce((total, [, count]) => total + count, 0);
  return new Map(totals.map(([name, count]) => [name, all === 0 ? 0 : count / all]));
}

/**
 * Largest deviation of a node's picks from what its weight alone would have given it among its peers while it was
 * registered, for nodes that no event is for; 0.01 is one percent. Peers are of the same priority and zone.
 */
export function unfairness({ record, fleet }: Run, { events = [] }: Scenario): number {
  const touched = new Set(events.flatMap((event) => fleet.targets(event)));
  const groups = new Map<string, { expected: number; actual: number }[]>();
  for (const [name, expected] of record.fairShare.expected()) {
    if (expected === 0 || touched.has(name)) continue;
    const { priority = 0, metadata } = fleet.givenOf(name);
    const key = `${priority} ${metadata?.zone ?? ''}`;
    const peers = groups.get(key) ?? [];
    peers.push({ expected, actual: picksOf(record.picks.get(name)) });
    groups.set(key, peers);
  }
  return Math.max(0, ...[...groups.values()].map(worstOf));
}

function worstOf(peers: readonly { readonly expected: number; readonly actual: number }[]): number {
  const expected = peers.reduce((sum, peer) => sum + peer.expected, 0);
  const actual = peers.reduce((sum, peer) => sum + peer.actual, 0);
  if (actual === 0) return 0;
  return peers.reduce((worst, peer) => {
    return Math.max(worst, Math.abs(peer.actual / actual / (peer.expected / expected) - 1));
  }, 0);
}

/** For each change of a node for the worse, or back, that lasted a second: when traffic followed. */
export function reactions(run: Run, { duration }: Scenario): readonly Reaction[] {
  const { transitions } = run.fleet;
  const windows = new Windows(run);
  return transitions.flatMap(({ cause, node, at, isWell }, index) => {
    const next = transitions.slice(index + 1).find((later) => later.node === node);
    const from = at - run.start;
    const until = next ? next.at - run.start : duration * 1000;
    if (until - from < WINDOW_MS + STRETCH_MS) return [];
    const after = windows.followed(node, from, until, isWell);
    return { cause, node, at: from / 1000, kind: isWell ? 'back' : 'left', after };
  });
}

export function summarised(found: readonly Reaction[]): readonly Reactions[] {
  const groups = new Map<string, Reaction[]>();
  for (const reaction of found) {
    const key = `${reaction.cause} ${reaction.kind}`;
    const group = groups.get(key);
    if (group) group.push(reaction);
    else groups.set(key, [reaction]);
  }
  return [...groups.values()].map((group) => {
    const { cause, kind, at } = group[0]!;
    const times = group.flatMap(({ after }) => after ?? []);
    const slowest = times.length === 0 ? null : Math.max(...times);
    return { cause, kind, at, count: group.length, slowest, missed: group.length - times.length };
  });
}

/** What nodes got within a second, compared with what the others got for their weight. */
class Windows {
  readonly #run: Run;
  /** By first stretch: picks of all nodes, and the weight of those that had any. */
  readonly #totals = new Map<number, { readonly picks: number; readonly weight: number }>();

  constructor(run: Run) {
    this.#run = run;
  }

  /** Seconds from `from` to the second in which traffic had followed; null when there is none before `until`. */
  followed(node: string, from: number, until: number, isWell: boolean): number | null {
    const last = Math.floor(until / STRETCH_MS) - SECOND;
    for (let stretch = Math.ceil(from / STRETCH_MS); stretch <= last; stretch++) {
      const part = this.#part(node, stretch);
      if (isWell ? part >= BACK : part <= LEFT) return (stretch * STRETCH_MS - from) / 1000;
    }
    return null;
  }

  #part(node: string, stretch: number): number {
    const total = this.#total(stretch);
    const own = this.#picks(node, stretch);
    const weight = this.#run.fleet.weightOf(node);
    const others = total.weight - (own > 0 ? weight : 0);
    if (others <= 0) return own > 0 ? 1 : 0;
    return own / Math.max(1, weight) / ((total.picks - own) / others);
  }

  #total(stretch: number) {
    const known = this.#totals.get(stretch);
    if (known) return known;
    let picks = 0;
    let weight = 0;
    for (const name of this.#run.fleet.names) {
      const own = this.#picks(name, stretch);
      picks += own;
      if (own > 0) weight += this.#run.fleet.weightOf(name);
    }
    const total = { picks, weight };
    this.#totals.set(stretch, total);
    return total;
  }

  #picks(node: string, stretch: number): number {
    return this.#run.record.picksOf(node, stretch * STRETCH_MS, (stretch + SECOND) * STRETCH_MS);
  }
}

function picksOf(counts: readonly number[] = []): number {
  return counts.reduce((sum, picks) => sum + picks, 0);
}
