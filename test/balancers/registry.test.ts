import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createBalancer } from '../../src/balancers/registry.ts';
import { noChance, nodesOf, picksOf } from './fake-handle.ts';

it('finds every balancer under its own type', () => {
  for (const type of ['roundrobin', 'least_conn']) {
    const balancer = createBalancer({ type, decayMs: 10_000, boundedLoad: 0 }, noChance);
    assert.equal(balancer.type, type);
    assert.equal(picksOf(balancer.build(nodesOf(1, 1), null), 4), 'a b a b');
  }
  for (const type of ['ewma', 'chash', 'random']) {
    assert.equal(createBalancer({ type, decayMs: 10_000, boundedLoad: 0 }, noChance).type, type);
  }
  assert.throws(() => createBalancer({ type: 'x', decayMs: 1, boundedLoad: 0 }, noChance), /no balancer of type "x"/);
});
