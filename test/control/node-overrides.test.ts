import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NodeOverrides, type OverrideMatch } from '../../src/control/node-overrides.ts';
import type { Node } from '../../src/discovery/types.ts';
import { FakeClock } from '../support/fake-clock.ts';

function node(port: number, metadata: Record<string, string> = {}): Node {
  return { host: '10.0.0.1', port, weight: 5, priority: 0, metadata, tags: [] };
}

function match(parts: Partial<OverrideMatch>): OverrideMatch {
  return { upstream: null, node: null, metadata: null, ...parts };
}

function setup() {
  const clock = new FakeClock();
  let changes = 0;
  const overrides = new NodeOverrides(clock, () => void changes++);
  const of = (port: number, metadata: Record<string, string> = {}, upstream = 'u') => {
    const decision = overrides.of(upstream, node(port, metadata));
    return decision && [decision.state, decision.weight];
  };
  return { overrides, of, changes: () => changes, clock };
}

describe('node overrides', () => {
  it('hold for the nodes that they name: by address, upstream and metadata', () => {
    const { overrides, of, changes } = setup();
    overrides.apply({ match: match({ node: '10.0.0.1:1', upstream: 'u' }), state: 'drain' });
    overrides.apply({ match: match({ metadata: { rack: 'b2', zone: 'x' } }), weight: 1 });
    assert.deepEqual(of(1), ['drain', null]);
    assert.equal(of(1, {}, 'other'), null);
    assert.deepEqual(of(2, { rack: 'b2', zone: 'x', more: 'y' }), [null, 1]);
    assert.equal(of(2, { rack: 'b2' }), null);
    assert.deepEqual(of(1, { rack: 'b2', zone: 'x' }), ['drain', 1]);
    assert.equal(changes(), 2);
  });

  it('the newest counts, each aspect for itself', () => {
    const { overrides, of } = setup();
    const rack = match({ metadata: { rack: 'b2' } });
    const one = match({ node: '10.0.0.1:1' });
    overrides.apply({ match: rack, state: 'disable', weight: 7 });
    overrides.apply({ match: one, state: 'enable' });
    assert.deepEqual(
      [of(1, { rack: 'b2' }), of(2, { rack: 'b2' })],
      [
        [null, 7],
        ['disable', 7],
      ],
    );
    overrides.apply({ match: rack, state: 'drain' });
    assert.deepEqual(of(1, { rack: 'b2' }), ['drain', 7], 'the order for the rack is newer now');
    overrides.apply({ match: one, state: 'enable', weight: 'source' });
    assert.equal(of(1, { rack: 'b2' }), null);
  });

  it('are gone when they are taken back', () => {
    const { overrides, of } = setup();
    const one = match({ node: '10.0.0.1:1' });
    overrides.apply({ match: one, state: 'drain' });
    overrides.apply({ match: one, weight: 0 });
    assert.deepEqual(of(1), ['drain', 0]);
    overrides.apply({ match: one, state: 'enable' });
    assert.deepEqual(of(1), [null, 0]);
    overrides.apply({ match: one, weight: 'source' });
    assert.deepEqual([of(1), overrides.rules], [null, []]);
  });

  it('say why and since when', () => {
    const { overrides, clock } = setup();
    overrides.apply({ match: match({ node: '10.0.0.1:1' }), state: 'drain', reason: 'new kernel' });
    assert.deepEqual(overrides.of('u', node(1)), {
      state: 'drain',
      weight: null,
      reason: 'new kernel',
      at: clock.wall(),
    });
  });
});
