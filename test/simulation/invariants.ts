import type { Run } from '../../src/simulation/run.ts';
import type { Scenario } from '../../src/simulation/scenario.ts';
import { type BalancerName, DURATION, QUIET_FROM } from './random-scenario.ts';

/**
 * The least part of its fair share, by weight, that a node gets to which nothing happens, over a whole run. For `ewma` and
 * `chash` it is what latency and the keys make of it; the others differ by chance and by what is under way.
 */
export const LEAST_SHARE: Readonly<Record<BalancerName, number>> = {
  roundrobin: 0.98,
  random: 0.75,
  least_conn: 0.7,
  ewma: 0.6,
  chash: 0.8,
};

/** A node that refuses connections is known to be dead by then, with checks every 0.2 s of which two must fail. Seconds. */
const KNOWN_AFTER = 1;

/** What must hold in every run; returns what does not. */
export function violations(scenario: Scenario, balancer: BalancerName, run: Run): readonly string[] {
  return [
    ...counts(run),
    ...ejections(scenario, run),
    ...deadPicks(scenario, run),
    ...starvation(balancer, run),
    ...recovery(scenario, run),
  ];
}

function counts({ inflightLeft, record }: Run): string[] {
  const found = [];
  if (inflightLeft !== 0) found.push(`${inflightLeft} uses were never counted out`);
  if (record.lost !== 0) found.push(`${record.lost} requests failed although a node was well`);
  const quiet = (QUIET_FROM + 3) * 1000;
  if (record.lastFailureAt !== null && record.lastFailureAt > quiet)
    found.push(`a failure at ${record.lastFailureAt} ms`);
  return found;
}

/** At most 30 % are out at once, but one may be. */
function ejections({ events = [] }: Scenario, { log, start }: Run): string[] {
  const changes = [
    ...log.events.map(({ at, event, node, registered }) => ({ at: at - start, event, node: node ?? '', registered })),
    ...events.flatMap(({ at, action, node }) =>
      action === 'remove' ? [{ at: at * 1000, event: 'outlier.reinstated', node: `${node}:80`, registered: 0 }] : [],
    ),
  ].sort((a, b) => a.at - b.at);
  const out = new Set<string>();
  for (const { at, event, node, registered } of changes) {
    if (event === 'outlier.reinstated') out.delete(node);
    if (event !== 'outlier.ejected' || out.has(node)) continue;
    out.add(node);
    if (out.size > Math.max(1, Math.floor(registered * 0.3)))
      return [`${out.size} of ${registered} ejected at ${at} ms`];
  }
  return out.size === 0 ? [] : [`${[...out].join()} is ejected to the end`];
}

/** Without checks a node that refuses is tried once a second, by each worker at most; with them not at all once they know. */
function deadPicks(scenario: Scenario, { record }: Run): string[] {
  const { upstream, workers = 2, events = [] } = scenario;
  const { checks, panic_threshold: panic } = upstream as { checks?: { active?: unknown }; panic_threshold: number };
  return events.flatMap(({ at, node = '', fail }) => {
    if (fail?.kind !== 'refuse' || fail.ratio !== 1) return [];
    const end = events.find((later) => later.node === node && later.at > at)!.at;
    const seconds = end - at;
    const all = record.picksOf(node, at * 1000, end * 1000);
    const known = record.picksOf(node, (at + KNOWN_AFTER) * 1000, end * 1000);
    if (all > workers * (Math.ceil(seconds) + 1)) return [`${all} picks of ${node}, dead from ${at} for ${seconds} s`];
    if (checks?.active && panic === 0 && known > 0) return [`${known} picks of ${node}, known to be dead`];
    return [];
  });
}

function starvation(balancer: BalancerName, { record }: Run): string[] {
  const fair = record.fairShare.expected().get('rock') ?? 0;
  const got = record.picksOf('rock', 0, DURATION * 1000);
  return got < LEAST_SHARE[balancer] * fair ? [`rock got ${got} picks, its share is ${fair.toFixed(0)}`] : [];
}

/** In the last two seconds nothing shows that there were faults. */
function recovery({ nodes }: Scenario, { record, log }: Run): string[] {
  const found = [];
  for (const { name, priority = 1, metadata } of nodes) {
    // Not needed while all is well.
    if (priority === 0 || metadata?.zone === 'far') continue;
    const picks = record.picksOf(name, (DURATION - 2) * 1000, DURATION * 1000);
    if (picks === 0) found.push(`${name} never came back`);
  }
  const breaker = log.events.findLast(({ event }) => event.startsWith('breaker.'))?.event ?? 'breaker.closed';
  if (breaker !== 'breaker.closed') found.push(`the breaker stays: ${breaker}`);
  return found;
}
