import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LATENCY, picksOf, play, shareOf, within } from './play.ts';

const WEIGHTS = [5, 4, 3, 2, 1];
const SUM = 15;

/** How far the share of any node is from that of its weight, relative to it, over 10⁵ requests. */
async function deviation(seed: number, median: number): Promise<Map<string, number>> {
  const nodes = WEIGHTS.map((weight) => ({ name: `w${weight}`, weight, latency: { median, p99: 2 * median } }));
  const runs = await play({ seed, duration: 50, rate: 2000, keys: 1_000_000, nodes });
  return new Map(
    runs.map((run) => {
      const parts = WEIGHTS.map((weight) => (shareOf(run, `w${weight}`, 0, 50) * SUM) / weight);
      return [run.label, Math.max(...parts.map((part) => Math.abs(part - 1)))];
    }),
  );
}

describe('shares by weight, five nodes', () => {
  it('are exact in roundrobin, and what chance leaves of them elsewhere, when nodes are busy', async () => {
    const worst = await deviation(1, 100);
    assert.ok(worst.get('roundrobin')! <= 0.001, `roundrobin: ${worst.get('roundrobin')}`);
    for (const name of ['chash', 'random', 'least_conn'])
      assert.ok(worst.get(name)! <= 0.03, `${name}: ${worst.get(name)}`);
    assert.ok(worst.get('ewma')! <= 0.2, `ewma, which goes by latency too: ${worst.get('ewma')}`);
  });

  it('keep within a quarter where load decides and there is little', async () => {
    const worst = await deviation(1, 10);
    assert.ok(worst.get('roundrobin')! <= 0.001, `roundrobin: ${worst.get('roundrobin')}`);
    assert.ok(worst.get('chash')! <= 0.03, `chash: ${worst.get('chash')}`);
    for (const name of ['random', 'least_conn', 'ewma'])
      assert.ok(worst.get(name)! <= 0.25, `${name}: ${worst.get(name)}`);
  });
});

describe('a key', () => {
  for (const size of [10, 20, 50, 100]) {
    it(`moves only when its node leaves: one of ${size}`, async () => {
      const keys = 20_000;
      const [run] = await play({
        ...{ seed: 3, duration: 10, rate: 20_000, keys, compare: ['chash'] },
        nodes: [{ name: 'cache', count: size, latency: { median: 5 } }],
        events: [{ at: 5, node: 'cache-3', action: 'remove' }],
      });
      const moved = run!.record.moved / keys;
      assert.ok(within(moved * size, 0.85, 1.15), `${moved * size} of 1/N`);
    });
  }

  it('is the only one that moves while nodes come and go all the time', async () => {
    const scenario = {
      ...{ seed: 1, duration: 30, rate: 2000, keys: 500, compare: ['chash', 'roundrobin'] },
      nodes: [{ name: 'web', count: 20, latency: LATENCY }],
      churn: { every: 1, away: 2 },
    };
    const [chash, roundrobin] = await play(scenario);
    const changes = chash!.fleet.transitions.length;
    assert.ok(changes > 40, `${changes} changes`);
    const moved = chash!.record.moved / changes / 500;
    assert.ok(moved <= 1.15 / 20, `each change moved ${moved} of the keys`);
    assert.ok(roundrobin!.record.moved > 10 * chash!.record.moved);
    assert.equal(chash!.record.failed + roundrobin!.record.failed, 0);
  });
});

describe('a node that joins in full flight', () => {
  it('grows into its share with slow start, in every balancer', async () => {
    for (const run of await play({
      ...{ seed: 5, duration: 40, rate: 1000, keys: 100_000 },
      upstream: { slow_start: { window: 20 } },
      nodes: [
        { name: 'web', count: 4, latency: LATENCY },
        { name: 'fresh', latency: LATENCY },
      ],
      events: [
        { at: 0, node: 'fresh', action: 'remove' },
        { at: 10, node: 'fresh', action: 'add' },
      ],
    })) {
      const first = picksOf(run, 'fresh', 10, 12);
      const last = picksOf(run, 'fresh', 34, 36);
      assert.ok(first < last * 0.45, `${run.label}: ${first} at first, ${last} at last`);
      assert.ok(within(last / 400, 0.65, 1.5), `${run.label}: ${last} at last`);
    }
  });
});
