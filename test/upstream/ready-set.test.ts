import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allocateNodeTable, Health, NodeTable } from '../../src/upstream/node-table.ts';
import { type Candidate, selectReady } from '../../src/upstream/ready-set.ts';

const NOW = 50_000;

interface Facts {
  weight?: number;
  priority?: number;
  health?: Health;
  /** Milliseconds since a connection failed. */
  failed?: number;
}

function setup(...facts: readonly Facts[]) {
  const table = new NodeTable(allocateNodeTable(1, 10_000), 0);
  const nodes: Candidate[] = facts.map(({ weight = 1, priority = 0, health, failed }, slot) => {
    if (health !== undefined) table.setHealth(slot, health);
    if (failed !== undefined) table.demote(slot, NOW - failed);
    return { slot, weight, node: { priority } };
  });
  const { ready, failOpen, reviewAt } = selectReady(nodes, table, NOW);
  return { ready: ready.map((node) => node.slot), failOpen, reviewAt };
}

const { unknown, healthy, unhealthy } = Health;
const never = Number.POSITIVE_INFINITY;

describe('ready set', () => {
  it('holds the nodes that are healthy or not known to be otherwise', () => {
    assert.deepEqual(setup({ health: healthy }, { health: unhealthy }, { health: unknown }), {
      ready: [0, 2],
      failOpen: false,
      reviewAt: never,
    });
  });

  it('leaves weight 0 out, even when nothing else is left', () => {
    assert.deepEqual(setup({ weight: 0 }, {}), { ready: [1], failOpen: false, reviewAt: never });
    assert.deepEqual(setup({ weight: 0 }), { ready: [], failOpen: false, reviewAt: never });
    assert.deepEqual(setup({ weight: 0 }, { health: unhealthy }), { ready: [1], failOpen: true, reviewAt: never });
  });

  it('leaves a node out for a second after a failed connection, and says when to look again', () => {
    assert.deepEqual(setup({ failed: 0 }, {}), { ready: [1], failOpen: false, reviewAt: NOW + 1000 });
    assert.deepEqual(setup({ failed: 999 }, {}, { failed: 400 }), { ready: [1], failOpen: false, reviewAt: NOW + 1 });
    assert.deepEqual(setup({ failed: 1000 }, {}), { ready: [0, 1], failOpen: false, reviewAt: never });
  });

  it('uses demoted nodes rather than unhealthy ones, and looks again when they recover', () => {
    assert.deepEqual(setup({ failed: 300 }, { health: unhealthy }, { failed: 100 }), {
      ready: [0, 2],
      failOpen: false,
      reviewAt: NOW + 700,
    });
  });

  it('uses all when all are unhealthy, and says so', () => {
    assert.deepEqual(setup({ health: unhealthy }, { health: unhealthy, failed: 10 }), {
      ready: [0, 1],
      failOpen: true,
      reviewAt: never,
    });
  });

  it('keeps the highest priority that has a usable node', () => {
    assert.deepEqual(setup({ priority: 1 }, { priority: 2 }, { priority: 2 }).ready, [1, 2]);
    assert.deepEqual(setup({ priority: -1 }, { priority: -2 }).ready, [0]);
    assert.deepEqual(setup({ priority: 0 }, { priority: 2, health: unhealthy }).ready, [0]);
    assert.deepEqual(setup({ priority: 0 }, { priority: 2, failed: 5 }).ready, [0]);
    assert.deepEqual(setup({ priority: 0 }, { priority: 2, weight: 0 }).ready, [0]);
    assert.deepEqual(setup({ priority: 0, health: unhealthy }, { priority: 2, health: unhealthy }).ready, [1]);
  });

  it('is empty only when every weight is 0', () => {
    const facts = fc.record(
      {
        weight: fc.nat(2),
        priority: fc.integer({ min: -1, max: 1 }),
        health: fc.constantFrom(unknown, healthy, unhealthy),
        failed: fc.nat(1500),
      },
      { requiredKeys: ['weight', 'priority', 'health'] },
    );
    fc.assert(
      fc.property(fc.array(facts, { maxLength: 8 }), (all) => {
        const { ready, reviewAt } = setup(...all);
        const weighty = all.filter((node) => node.weight > 0);
        assert.equal(ready.length > 0, weighty.length > 0);
        assert.ok(reviewAt > NOW);
        assert.ok(ready.every((slot) => all[slot]!.weight > 0));
        assert.ok(new Set(ready.map((slot) => all[slot]!.priority)).size <= 1);
        const usable = weighty.some((node) => node.health !== unhealthy);
        assert.ok(!usable || ready.every((slot) => all[slot]!.health !== unhealthy));
      }),
      { numRuns: 500 },
    );
  });
});
