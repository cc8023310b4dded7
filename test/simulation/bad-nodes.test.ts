import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LATENCY, picksOf, play, shareOf, within } from './play.ts';

const WORKERS = 4;

describe('a slow node under ewma', () => {
  for (const [peers, most] of [
    [1, 0.03],
    [2, 0.02],
    [9, 0.01],
    [29, 0.01],
  ] as const) {
    it(`gets next to nothing while it is ten times slower, and is back within 2 τ: ${peers} others`, async () => {
      for (const rate of [500, 1000]) {
        const [run] = await play({
          ...{ seed: peers, duration: 80, rate, compare: ['ewma'] },
          nodes: [
            { name: 'web', count: peers, latency: LATENCY },
            { name: 'slow', latency: LATENCY },
          ],
          events: [
            { at: 20, node: 'slow', latency: { median: 100, p99: 400 } },
            { at: 40, node: 'slow', latency: LATENCY },
          ],
        });
        const slow = shareOf(run!, 'slow', 20, 40);
        assert.ok(slow <= most, `${rate}/s: ${slow} while slow`);
        const back = shareOf(run!, 'slow', 60, 80) * (peers + 1);
        assert.ok(within(back, 0.6, 1.4), `${rate}/s: ${back} of its share afterwards`);
      }
    });
  }

  it('is not starved by what it was punished for in one burst', async () => {
    // Every answer to what it was sent within two seconds takes ten; the last comes at second 22, and τ is 10 s.
    for (const [peers, rate] of [
      [1, 200],
      [4, 200],
      [9, 1000],
    ] as const) {
      const [run] = await play({
        ...{ seed: peers, duration: 60, rate, timeout: 30_000, compare: ['ewma'] },
        nodes: [
          { name: 'web', count: peers, latency: LATENCY },
          { name: 'stuck', latency: LATENCY },
        ],
        events: [
          { at: 10, node: 'stuck', latency: { median: 10_000 } },
          { at: 12, node: 'stuck', latency: LATENCY },
        ],
      });
      assert.ok(shareOf(run!, 'stuck', 22, 32) < 0.02);
      const back = shareOf(run!, 'stuck', 42, 60) * (peers + 1);
      assert.ok(within(back, 0.6, 1.4), `${peers} others: ${back} of its share after 2 τ`);
      assert.equal(run!.record.failed, 0);
    }
  });
});

describe('a dead node', () => {
  for (const rate of [100, 1000, 5000]) {
    it(`gets one request at most from each worker before it is left, and none fails: ${rate} a second`, async () => {
      for (const run of await play({
        ...{ seed: rate, duration: 12, rate, writes: 0.3 },
        nodes: [
          { name: 'web', count: 9, latency: LATENCY },
          { name: 'dead', latency: LATENCY },
        ],
        events: [{ at: 4, node: 'dead', fail: { kind: 'refuse' } }],
      })) {
        assert.ok(picksOf(run, 'dead', 3, 4) > 0, run.label);
        for (let second = 4; second < 12; second++) {
          const picks = picksOf(run, 'dead', second, second + 1);
          assert.ok(picks <= WORKERS, `${run.label}: ${picks} in second ${second}`);
        }
        assert.equal(run.record.failed, 0, run.label);
      }
    });
  }

  it('that breaks every connection fails no request that may be sent again, and is left after a run of them', async () => {
    for (const run of await play({
      ...{ seed: 3, duration: 20, rate: 500, writes: 0.2, upstream: { checks: { passive: {} } } },
      nodes: [
        { name: 'web', count: 9, latency: LATENCY },
        { name: 'dead', latency: LATENCY },
      ],
      events: [{ at: 4, node: 'dead', fail: { kind: 'reset' } }],
    })) {
      const picks = picksOf(run, 'dead', 4, 20);
      assert.ok(picks <= 5 + WORKERS, `${run.label}: ${picks} picks`);
      assert.ok(run.record.failures.broken <= picks, 'writes alone');
      assert.equal(run.record.failed, run.record.failures.broken, run.label);
    }
  });
});

describe('a fleet of which half is dead', () => {
  for (const [name, checks] of [
    ['without checks', undefined],
    ['with passive checks', { passive: {} }],
    ['with active checks', { active: { type: 'tcp' } }],
  ] as const) {
    it(`goes on without a failed request, and no survivor is overrun, ${name}`, async () => {
      for (const run of await play({
        ...{ seed: 5, duration: 30, rate: 1000, keys: 5000, writes: 0.3 },
        ...(checks ? { upstream: { checks } } : {}),
        nodes: [{ name: 'web', count: 20, capacity: 16, latency: { median: 20, p99: 80 } }],
        events: [{ at: 10, node: 'web', count: 10, fail: { kind: 'refuse' } }],
      })) {
        assert.equal(run.record.failed, 0, run.label);
        const survivors = Array.from({ length: 10 }, (_, index) => picksOf(run, `web-${index + 11}`, 10, 30) / 2000);
        const bound = { roundrobin: 1.02, random: 1.1, least_conn: 1.1, ewma: 1.25, chash: 1.15 }[run.label]!;
        assert.ok(Math.max(...survivors) <= bound, `${run.label}: ${Math.max(...survivors)} times the fair load`);
        assert.ok(run.record.percentile(0.99) < 110, `${run.label}: ${run.record.percentile(0.99)} ms`);
      }
    });
  }
});

describe('a node that answers three of ten requests with an error', () => {
  const failing = (seed: number, passive: Record<string, unknown>) =>
    play({
      ...{ seed, duration: 40, rate: 500, upstream: { checks: { passive } } },
      nodes: [
        { name: 'web', count: 9, latency: LATENCY },
        { name: 'failing', latency: LATENCY },
      ],
      events: [{ at: 10, node: 'failing', fail: { kind: 'error', ratio: 0.3 } }],
    });

  /** Seconds from the first failure to come to the ejection; ewma leaves it by itself. */
  const ejectedAfter = ({ log, start }: Awaited<ReturnType<typeof play>>[number]) => {
    const ejected = log.events.find(({ event, node }) => event === 'outlier.ejected' && node === 'failing:80');
    return ejected ? (ejected.at - start) / 1000 - 10 : Number.POSITIVE_INFINITY;
  };

  it('is left within the window of failure_ratio', async () => {
    for (const seed of [1, 2, 3]) {
      for (const run of await failing(seed, { window: 5, failure_ratio: { threshold: 20 } })) {
        if (run.label === 'ewma') assert.ok(shareOf(run, 'failing', 10, 40) < 0.01);
        else assert.ok(ejectedAfter(run) <= 5, `${run.label}: after ${ejectedAfter(run)} s`);
        assert.ok(run.record.failed <= 100, `${run.label}: ${run.record.failed} failed`);
      }
    }
  });

  it('is left within two seconds by success_rate, and alone', async () => {
    for (const seed of [1, 2, 3]) {
      for (const run of await failing(seed, { window: 5, success_rate: {} })) {
        if (run.label !== 'ewma') assert.ok(ejectedAfter(run) <= 2, `${run.label}: after ${ejectedAfter(run)} s`);
        const others = run.log.events.filter(({ event, node }) => event === 'outlier.ejected' && node !== 'failing:80');
        assert.deepEqual(others, [], run.label);
      }
    }
  });
});

describe('a node that is down three seconds of ten', () => {
  const flapping = (checks: Record<string, unknown> | null) =>
    play({
      ...{ seed: 3, duration: 120, rate: 500 },
      ...(checks ? { upstream: { checks } } : {}),
      nodes: [
        { name: 'web', count: 9, latency: LATENCY },
        { name: 'flappy', latency: LATENCY },
      ],
      events: [
        { at: 10, every: 10, node: 'flappy', fail: { kind: 'refuse' } },
        { at: 13, every: 10, node: 'flappy', fail: null },
      ],
    });

  it('fails no request, and gets little when something looks at it', async () => {
    for (const run of await flapping(null)) assert.equal(run.record.failed, 0, run.label);
    const passive = { unhealthy: { tcp_failures: 2 }, ejection: { time: 5 } };
    for (const checks of [{ passive }, { active: { type: 'tcp', flap_hold: 10 } }]) {
      for (const run of await flapping(checks)) {
        assert.equal(run.record.failed, 0, run.label);
        const share = shareOf(run, 'flappy', 60, 120);
        assert.ok(share < 0.04, `${run.label} with ${Object.keys(checks)[0]}: ${share}`);
      }
    }
  });
});
