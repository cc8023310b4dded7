import { STRETCH_MS } from './recorder.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';

const PER_SECOND = 1000 / STRETCH_MS;
/** A node has been left when it gets less than this part of its fair share for a second, and is back above that one. */
const LEFT = 0.2;
const BACK = 0.5;

/** How soon traffic followed a change of a node's behaviour. */
export interface Reaction {
  readonly node: string;
  /** Seconds since the start at which the node changed. */
  readonly at: number;
  readonly kind: 'left' | 'back';
  /** Seconds until traffic had followed; null when it did not before the next change. */
  readonly after: number | null;
}

/** Share of all picks by node. */
export function sharesOf({ record, fleet }: Run): ReadonlyMap<string, number> {
  const totals = fleet.names.map((name) => [name, sum(record.picks.get(name) ?? [])] as const);
  const all = totals.reduce((total, [, count]) => total + count, 0);
  return new Map(totals.map(([name, count]) => [name, all === 0 ? 0 : count / all]));
}

/** Largest deviation of a node's share from its weight's, among nodes that nothing happened to; 0.01 is one percent. */
export function unfairness(run: Run, scenario: Scenario): number {
  const touched = new Set((scenario.events ?? []).flatMap((event) => run.fleet.targets(event)));
  const calm = run.fleet.names.filter((name) => !touched.has(name) && run.fleet.weightOf(name) > 0);
  const shares = sharesOf(run);
  const weight = calm.reduce((total, name) => total + run.fleet.weightOf(name), 0);
  const share = calm.reduce((total, name) => total + (shares.get(name) ?? 0), 0);
  if (share === 0) return 0;
  return calm.reduce((worst, name) => {
    const fair = (run.fleet.weightOf(name) / weight) * share;
    return Math.max(worst, Math.abs((shares.get(name) ?? 0) / fair - 1));
  }, 0);
}

/** For each event that makes a node fail, or well again: when traffic followed. */
export function reactions(run: Run, scenario: Scenario): readonly Reaction[] {
  const found: Reaction[] = [];
  const events = (scenario.events ?? []).filter((event) => event.node !== undefined && event.rate === undefined);
  for (const event of events) {
    const isBad = event.action === 'remove' || (event.fail ?? null) !== null || isSlower(event, scenario);
    for (const node of run.fleet.targets(event)) {
      const next = events.find((later) => later.at > event.at && run.fleet.targets(later).includes(node));
      const until = next?.at ?? scenario.duration;
      found.push({
        node,
        at: event.at,
        kind: isBad ? 'left' : 'back',
        after: followed(run, node, event.at, until, isBad),
      });
    }
  }
  return found;
}

function isSlower(event: NonNullable<Scenario['events']>[number], { nodes }: Scenario): boolean {
  const given = nodes.find(({ name }) => event.node === name || event.node?.startsWith(`${name}-`));
  return event.latency !== undefined && event.latency.median > (given?.latency?.median ?? 10);
}

function followed({ record, fleet }: Run, node: string, at: number, until: number, isBad: boolean): number | null {
  const first = Math.floor(at * PER_SECOND);
  const last = Math.floor(until * PER_SECOND) - PER_SECOND;
  for (let stretch = first; stretch <= last; stretch++) {
    const window = (name: string) => sum(slice(record.picks.get(name) ?? [], stretch, stretch + PER_SECOND));
    const present = fleet.names.filter((name) => window(name) > 0).length || 1;
    const fair = fleet.names.reduce((total, name) => total + window(name), 0) / Math.max(present, 1);
    const part = fair === 0 ? 0 : window(node) / fair;
    if (isBad ? part <= LEFT : part >= BACK) return Math.max(0, stretch / PER_SECOND - at);
  }
  return null;
}

function slice(counts: readonly number[], from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => counts[from + index] ?? 0);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + (count ?? 0), 0);
}
