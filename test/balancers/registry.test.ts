import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createBalancers } from '../../src/balancers/registry.ts';
import { noChance, nodesOf, picksOf } from './fake-handle.ts';

it('finds every balancer under its own type', () => {
  const balancers = createBalancers(noChance);
  assert.deepEqual([...balancers.keys()], ['roundrobin', 'least_conn']);
  for (const [type, balancer] of balancers) {
    assert.equal(balancer.type, type);
    assert.equal(picksOf(balancer.build(nodesOf(1, 1), null), 4), 'a b a b');
  }
});
