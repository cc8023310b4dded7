import { type Random, seededRandom } from '../../src/core/random.ts';
import type { Scenario, ScenarioEvent } from '../../src/simulation/scenario.ts';

export const BALANCERS = ['roundrobin', 'random', 'least_conn', 'ewma', 'chash'] as const;
export type BalancerName = (typeof BALANCERS)[number];

/** All faults are over by then, and `DURATION` is long enough for everything to be as it was. Seconds. */
export const QUIET_FROM = 4;
export const DURATION = 10;

const LAYOUTS = ['flat', 'flat', 'tiers', 'zones'] as const;

type FaultKind = NonNullable<NonNullable<ScenarioEvent['fail']>>['kind'];

/** An upstream, a fleet and faults that follow from the seed alone. The node `rock` is never touched. */
export function randomScenario(seed: number): { readonly scenario: Scenario; readonly balancer: BalancerName } {
  const random = seededRandom(seed * 7919 + 17);
  const balancer = BALANCERS[seed % BALANCERS.length]!;
  const count = 2 + random.below(6);
  // Lighter nodes get nothing from least_conn while there is little to do, by its rule.
  const weighted = balancer !== 'least_conn' && random.next() < 0.5;
  const weight = () => (weighted ? 1 + random.below(5) : 1);
  const latency = { median: 4, p99: 12 };
  const layout = LAYOUTS[random.below(LAYOUTS.length)]!;
  const others = Array.from({ length: count }, (_, index) => {
    return { name: `n${index}`, weight: weight(), latency, ...place(layout, random.next() < 0.5) };
  });
  return {
    balancer,
    scenario: {
      name: `seed ${seed}`,
      ...{ seed, duration: DURATION, timeout: 300 },
      workers: 1 + random.below(4),
      rate: 150 + random.below(250),
      writes: random.next() < 0.5 ? 0 : 0.3,
      upstream: {
        ...upstream(balancer, random),
        ...(layout === 'zones' ? { zone_preference: { spill_over: 70 } } : {}),
      },
      ...(layout === 'zones' ? { zone: 'near' } : {}),
      nodes: [{ name: 'rock', weight: weight(), latency, ...place(layout, true) }, ...others],
      events: faults(others, random),
    },
  };
}

type Layout = (typeof LAYOUTS)[number];

/** `first`: in what takes the traffic while it can, where the rock always is. */
function place(layout: Layout, first: boolean) {
  if (layout === 'tiers') return { priority: first ? 1 : 0 };
  return layout === 'zones' ? { metadata: { zone: first ? 'near' : 'far' } } : {};
}

function upstream(type: BalancerName, random: Random): Record<string, unknown> {
  const chance = (probability: number) => random.next() < probability;
  const active = chance(0.4)
    ? { type: chance(0.5) ? 'tcp' : 'http', healthy: { interval: 0.2 }, unhealthy: { interval: 0.2 } }
    : null;
  const passive = chance(0.5)
    ? {
        window: 1,
        unhealthy: { http_failures: 3, tcp_failures: 2, timeouts: 3 },
        ejection: { time: 0.4, max_time: 1 },
        ...(chance(0.5) ? { failure_ratio: { threshold: 50, min_requests: 10 } } : {}),
      }
    : null;
  return {
    type,
    timeout: { connect: 0.2 },
    panic_threshold: chance(0.5) ? 0 : 80,
    ...(type === 'ewma' ? { ewma_decay: 1 } : {}),
    ...(type === 'chash' && chance(0.5) ? { bounded_load: true } : {}),
    ...(chance(0.3) ? { slow_start: { window: 1 } } : {}),
    ...(active || passive ? { checks: { ...(active && { active }), ...(passive && { passive }) } } : {}),
    ...(chance(0.3)
      ? { circuit_breaker: { window: 1, failure_ratio: 15, min_requests: 10, open_time: 0.3, max_open_time: 1 } }
      : {}),
  };
}

/** Each fault ends, and none of two on the same node overlap. */
function faults(nodes: readonly { readonly name: string; readonly weight: number }[], random: Random): ScenarioEvent[] {
  const events: ScenarioEvent[] = [];
  for (const { name, weight } of nodes) {
    let at = random.next() * 2;
    while (at < QUIET_FROM - 0.5 && random.next() < 0.8) {
      const until = Math.min(QUIET_FROM, at + 0.2 + random.next() * 2);
      const [begin, end] = fault(weight, random);
      events.push({ at, node: name, ...begin }, { at: until, node: name, ...end });
      at = until + 0.1 + random.next();
    }
  }
  return events.sort((a, b) => a.at - b.at);
}

type Change = Partial<ScenarioEvent>;

function fault(weight: number, random: Random): readonly [Change, Change] {
  const kinds: readonly FaultKind[] = ['refuse', 'unreachable', 'error', 'timeout', 'reset'];
  const draw = random.below(kinds.length + 4);
  const kind = kinds[draw] ?? (draw === kinds.length ? 'refuse' : null);
  if (kind !== null) {
    const fail = { kind, ratio: random.next() < 0.6 ? 1 : 0.3 };
    return [{ fail }, { fail: null }];
  }
  if (draw === kinds.length + 1) return [{ latency: { median: 50, p99: 200 } }, { latency: { median: 4, p99: 12 } }];
  if (draw === kinds.length + 2) return [{ action: 'remove' }, { action: 'add' }];
  return [{ weight: random.below(6) }, { weight }];
}
