import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allocateNodeTable, Health, NodeTable } from '../../src/upstream/node-table.ts';
import type { PlannedSpread } from '../../src/upstream/plan.ts';
import { acceptsBound, type Candidate, selectReady } from '../../src/upstream/ready-set.ts';
import { plainSpread } from '../support/planned.ts';

const NOW = 50_000;

interface Facts {
  weight?: number;
  priority?: number;
  zone?: string;
  health?: Health;
  /** Milliseconds since a connection failed. */
  failed?: number;
  /** Milliseconds that an ejection has left; negative when it is over. */
  ejected?: number;
  /** Milliseconds since the slow start began. */
  ramping?: number;
}

function setup(facts: readonly Facts[], spread: Partial<PlannedSpread> = {}) {
  const table = new NodeTable(allocateNodeTable(1, 10_000), 0);
  const nodes: Candidate[] = facts.map((fact, slot) => {
    const { weight = 1, priority = 0, health, failed, ejected, ramping, zone } = fact;
    if (health !== undefined) table.setHealth(slot, health);
    if (failed !== undefined) table.connectFailed(slot, NOW - failed);
    if (ejected !== undefined) table.eject(slot, NOW + ejected);
    if (ramping !== undefined) table.beginRamp(slot, NOW - ramping);
    return { slot, baseWeight: weight, node: { priority, metadata: zone === undefined ? {} : { zone } } };
  });
  const selected = selectReady(nodes, { ...plainSpread, ...spread }, table, NOW);
  const slots = (some: readonly Candidate[]) => some.map((node) => node.slot);
  return {
    ...selected,
    pools: selected.pools.map(({ key, share, nodes: members }) => ({ key, share, nodes: slots(members) })),
    trials: slots(selected.trials),
    ramps: [...selected.ramps].map(([node, factor]) => [node.slot, factor]),
  };
}

/** With one pool, or none. */
function ready(...facts: readonly Facts[]) {
  const { pools, failOpen, reviewAt } = setup(facts);
  assert.ok(pools.length <= 1, JSON.stringify(pools));
  return { ready: [...(pools[0]?.nodes ?? [])].sort(), failOpen, reviewAt };
}

const { unknown, healthy, unhealthy } = Health;
const never = Number.POSITIVE_INFINITY;

describe('ready set', () => {
  it('holds the nodes that are healthy or not known to be otherwise', () => {
    assert.deepEqual(ready({ health: healthy }, { health: unhealthy }, { health: unknown }), {
      ready: [0, 2],
      failOpen: false,
      reviewAt: never,
    });
  });

  it('leaves weight 0 out, even when nothing else is left', () => {
    assert.deepEqual(ready({ weight: 0 }, {}), { ready: [1], failOpen: false, reviewAt: never });
    assert.deepEqual(ready({ weight: 0 }), { ready: [], failOpen: false, reviewAt: never });
    assert.deepEqual(ready({ weight: 0 }, { health: unhealthy }), { ready: [1], failOpen: true, reviewAt: never });
  });

  it('leaves a node out for a second after a failed connection, and says when to look again', () => {
    assert.deepEqual(ready({ failed: 0 }, {}), { ready: [1], failOpen: false, reviewAt: NOW + 1000 });
    assert.deepEqual(ready({ failed: 999 }, {}, { failed: 400 }), { ready: [1], failOpen: false, reviewAt: NOW + 1 });
    assert.deepEqual(ready({ failed: 1000 }, {}), { ready: [0, 1], failOpen: false, reviewAt: never });
  });

  it('uses demoted nodes rather than unhealthy ones, and looks again when they recover', () => {
    assert.deepEqual(ready({ failed: 300 }, { health: unhealthy }, { failed: 100 }), {
      ready: [0, 2],
      failOpen: false,
      reviewAt: NOW + 700,
    });
  });

  it('uses all when all are unhealthy, and says so', () => {
    assert.deepEqual(ready({ health: unhealthy }, { health: unhealthy, failed: 2000 }), {
      ready: [0, 1],
      failOpen: true,
      reviewAt: never,
    });
  });

  it('does without nodes that have just refused a connection even then, unless all have', () => {
    const refused = { health: unhealthy, failed: 10 };
    assert.deepEqual(ready({ health: unhealthy }, refused), { ready: [0], failOpen: true, reviewAt: NOW + 990 });
    assert.deepEqual(ready({}, { ejected: 5000, failed: 10 }, refused).ready, [0]);
    assert.deepEqual(ready({}, { ejected: 5000 }, refused).ready, [0, 1]);
    assert.deepEqual(ready({ failed: 10 }, refused, refused), {
      ready: [0, 1, 2],
      failOpen: true,
      reviewAt: NOW + 990,
    });
  });

  it('keeps the highest priority that has a usable node', () => {
    assert.deepEqual(ready({ priority: 1 }, { priority: 2 }, { priority: 2 }).ready, [1, 2]);
    assert.deepEqual(ready({ priority: -1 }, { priority: -2 }).ready, [0]);
    assert.deepEqual(ready({ priority: 0 }, { priority: 2, health: unhealthy }).ready, [0]);
    assert.deepEqual(ready({ priority: 0 }, { priority: 2, failed: 5 }).ready, [0]);
    assert.deepEqual(ready({ priority: 0 }, { priority: 2, weight: 0 }).ready, [0]);
    assert.deepEqual(ready({ priority: 0, health: unhealthy }, { priority: 2, health: unhealthy }).ready, [1]);
  });

  it('holds weights, priorities and health together, whatever they are', () => {
    const facts = fc.record(
      {
        weight: fc.nat(2),
        priority: fc.integer({ min: -1, max: 1 }),
        zone: fc.constantFrom('here', 'there'),
        health: fc.constantFrom(unknown, healthy, unhealthy),
        failed: fc.nat(1500),
        ejected: fc.integer({ min: -500, max: 500 }),
        ramping: fc.nat(40_000),
      },
      { requiredKeys: ['weight', 'priority', 'health'] },
    );
    const spread = {
      zone: { local: 'here', minNodes: 1, spillOver: 0.7 },
      slowStart: { windowMs: 30_000, minFactor: 0.1, aggression: 1 },
    };
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 12 }), (all) => {
        const { pools, reviewAt, ramps, failOpen } = setup(all, spread);
        const weighty = all.filter((node) => node.weight > 0);
        const used = pools.flatMap((pool) => pool.nodes);
        assert.equal(used.length > 0, weighty.length > 0, 'empty only when every weight is 0');
        assert.equal(new Set(used).size, used.length, 'no node twice');
        assert.ok(reviewAt > NOW);
        assert.ok(used.every((slot) => all[slot]!.weight > 0));
        assert.ok(pools.every(({ share, nodes }) => share > 0 && nodes.length > 0));
        const total = pools.reduce((sum, { share }) => sum + share, 0);
        if (pools.length > 0) assert.ok(Math.abs(total - 1) < 1e-9, `shares sum up to ${total}`);
        const isBad = (node: Facts) => node.health === unhealthy || node.ejected !== undefined;
        if (!failOpen)
          assert.ok(
            used.every((slot) => !isBad(all[slot]!)),
            'bad nodes only when failing open',
          );
        assert.ok(ramps.every(([, factor]) => factor! >= 0.1 && factor! < 1));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('ready set: priorities', () => {
  const up = { priority: 1 };
  const down = { priority: 1, health: unhealthy };
  const spare = { priority: 0 };

  it('give traffic to the next one in proportion to what is missing (overprovisioning 1.4)', () => {
    const share = (...facts: readonly Facts[]) => setup(facts).pools.map((pool) => Math.round(pool.share * 1000));
    assert.deepEqual(share(up, up, up, up, spare), [1000], 'all are there');
    assert.deepEqual(share(up, up, up, down, spare), [1000], '75 % times 1.4 is enough');
    assert.deepEqual(share(up, down, spare), [700, 300]);
    assert.deepEqual(share(up, down, down, down, spare), [350, 650]);
    assert.deepEqual(share(down, down, spare), [1000]);
  });

  it('count by weight', () => {
    const { pools } = setup([{ ...up, weight: 9 }, { ...down, weight: 1 }, spare]);
    assert.deepEqual(pools, [{ key: '1', share: 1, nodes: [0] }]);
  });

  it('scale up when all together are not enough', () => {
    const { pools, failOpen } = setup([up, down, { priority: 0, health: unhealthy }]);
    assert.deepEqual(pools, [{ key: '1', share: 1, nodes: [0] }]);
    assert.equal(failOpen, false);
  });
});

describe('ready set: fail-open', () => {
  it('begins below the threshold and not at it', () => {
    assert.equal(setup([{}, { health: unhealthy }]).failOpen, false);
    const { pools, failOpen } = setup([{}, { health: unhealthy }, { health: unhealthy }]);
    assert.deepEqual([pools[0]!.nodes, failOpen], [[0, 1, 2], true]);
  });

  it('still leaves out a node that has just refused a connection', () => {
    const { pools } = setup([{}, { health: unhealthy }, { health: unhealthy }, { failed: 1 }]);
    assert.deepEqual(pools[0]!.nodes, [0, 1, 2].slice(0, 1), 'two of four are alive: no panic');
    const all = setup([{}, { health: unhealthy }, { health: unhealthy }, { health: unhealthy }, { failed: 1 }]);
    assert.deepEqual(all.pools[0]!.nodes, [0, 1, 2, 3]);
  });

  it('can be switched off', () => {
    const { pools, failOpen } = setup([{ health: unhealthy }, { health: unhealthy }], { panicThreshold: 0 });
    assert.deepEqual([pools, failOpen], [[], false]);
  });
});

describe('ready set: ejection', () => {
  it('leaves the node out, and offers it for a trial when its time is over', () => {
    const waiting = setup([{}, { ejected: 300 }]);
    assert.deepEqual([waiting.pools[0]!.nodes, waiting.trials, waiting.reviewAt], [[0], [], NOW + 300]);
    const over = setup([{}, { ejected: 0 }]);
    assert.deepEqual([over.pools[0]!.nodes, over.trials, over.reviewAt], [[0], [1], never]);
  });

  it('offers no node for a trial that active checks hold for bad', () => {
    assert.deepEqual(setup([{}, { ejected: 0, health: unhealthy }]).trials, []);
  });
});

describe('ready set: zones', () => {
  const zone = { local: 'here', minNodes: 1, spillOver: 0.7 };
  const here = { zone: 'here' };
  const there = { zone: 'there' };
  const pools = (facts: readonly Facts[], minNodes = 1) =>
    setup(facts, { zone: { ...zone, minNodes } }).pools.map(({ key, share, nodes }) => [key, share, ...nodes]);

  it('prefer the local one while enough of it is usable', () => {
    assert.deepEqual(pools([here, here, here, there]), [['0/local', 1, 0, 1, 2]]);
    assert.deepEqual(pools([here, here, here, { ...here, failed: 1 }, there]), [['0/local', 1, 0, 1, 2]]);
  });

  it('spill over in proportion below the threshold', () => {
    const spilled = pools([here, { ...here, health: unhealthy }, there, {}]);
    assert.deepEqual(
      spilled.map(([key, share, ...nodes]) => [key, Math.round(Number(share) * 1000), ...nodes]),
      [
        ['0/local', 714, 0],
        ['0/other', 286, 2, 3],
      ],
    );
  });

  it('do not matter when the local one has too few nodes, or all of them', () => {
    assert.deepEqual(pools([there, {}]), [['0', 1, 0, 1]]);
    assert.deepEqual(pools([here, there], 2), [['0', 1, 0, 1]]);
    assert.deepEqual(pools([here, here]), [['0', 1, 0, 1]]);
  });
});

describe('ready set: slow start', () => {
  const slowStart = { windowMs: 10_000, minFactor: 0.1, aggression: 1 };

  it('gives a share of the weight that grows with time, and looks again while it grows', () => {
    const ramping = [{}, { ramping: 0 }, { ramping: 5000 }, { ramping: 9999.9 }, { ramping: 10_000 }];
    const { ramps, reviewAt } = setup(ramping, { slowStart });
    assert.deepEqual(ramps.slice(0, 2), [
      [1, 0.1],
      [2, 0.5],
    ]);
    assert.deepEqual([ramps.length, reviewAt], [3, NOW + 500]);
    assert.equal(setup([{}, { ramping: 20_000 }], { slowStart }).reviewAt, never);
  });

  it('is a curve when asked for', () => {
    const factor = (aggression: number) =>
      setup([{ ramping: 2500 }], { slowStart: { ...slowStart, aggression } }).ramps[0]![1];
    assert.deepEqual([factor(2), factor(0.5)], [0.5, 0.1]);
  });
});

describe('a node that sessions are bound to', () => {
  it('keeps them while it works and nobody has disabled it', () => {
    const table = new NodeTable(allocateNodeTable(1, 10_000), 0);
    [Health.unknown, Health.healthy, Health.unhealthy, Health.pending].forEach((health, slot) => {
      table.setHealth(slot, health);
    });
    table.eject(4, NOW + 1);
    table.connectFailed(5, NOW - 999);
    table.connectFailed(6, NOW - 1000);
    const keeps = (slot: number, accepts = true) => acceptsBound({ slot, acceptsBound: accepts }, table, NOW);
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6].map((slot) => keeps(slot)),
      [true, true, false, false, false, false, true],
    );
    assert.equal(keeps(0, false), false);
  });
});
