import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NodeHistory } from '../../src/control/node-history.ts';
import type { GatheredNodes } from '../../src/control/node-sources.ts';
import type { Node } from '../../src/discovery/types.ts';
import { FakeClock } from '../support/fake-clock.ts';

function node(port: number, weight = 1): Node {
  return { host: '10.0.0.1', port, weight, priority: 0, metadata: {}, tags: [] };
}

function from(origin: string, ...nodes: readonly Node[]): GatheredNodes {
  return { nodes, origins: nodes.map(() => origin) };
}

function gathered(nodes: readonly Node[]): GatheredNodes {
  return from('consul: web', ...nodes);
}

describe('NodeHistory', () => {
  it('notes what came, what went and what changed, with time and cause', () => {
    const clock = new FakeClock();
    const history = new NodeHistory(clock);
    history.record('web', gathered([node(1), node(2)]), 'start');
    clock.advance(1000);
    history.record('web', gathered([node(2, 5), node(3)]), 'consul: web');
    const entry = history.get('web')?.entries[1];
    assert.equal(entry?.at, clock.wall());
    assert.equal(entry?.cause, 'consul: web');
    assert.deepEqual(
      entry?.added.map((one) => one.node),
      ['10.0.0.1:3'],
    );
    assert.deepEqual(
      entry?.removed.map((one) => one.node),
      ['10.0.0.1:1'],
    );
    assert.deepEqual(
      entry?.changed.map(({ from, to }) => [from.weight, to.weight]),
      [[1, 5]],
    );
    assert.equal(entry?.total, 2);
  });

  it('notes when a node comes from another source, with both', () => {
    const history = new NodeHistory(new FakeClock());
    const [moved, stays] = [node(1), node(2)];
    history.record('web', from('consul: web', moved, stays), 'start');
    history.record('web', { nodes: [moved, stays], origins: ['file: web', 'consul: web'] }, 'consul: web');
    const { added, removed, changed } = history.get('web')!.entries[1]!;
    assert.deepEqual(
      [added, removed, changed.map(({ from: was, to }) => [to.node, was.origin, to.origin])],
      [[], [], [['10.0.0.1:1', 'consul: web', 'file: web']]],
    );
  });

  it('finds what changed since an earlier process, whose nodes are other objects', () => {
    const before = new NodeHistory(new FakeClock());
    before.record('web', gathered([node(1), node(2), node(3)]), 'start');
    const history = new NodeHistory(new FakeClock());
    history.restore('web', JSON.parse(JSON.stringify(before.get('web'))));
    history.record('web', gathered([node(1), node(2), node(3)]), 'start');
    assert.equal(history.get('web')?.entries.length, 1);
    history.record('web', gathered([node(1), node(3), node(4)]), 'consul: web');
    const { added, removed, changed } = history.get('web')!.entries[1]!;
    assert.deepEqual(
      [added.map((one) => one.node), removed.map((one) => one.node), changed],
      [['10.0.0.1:4'], ['10.0.0.1:2'], []],
    );
  });

  it('notes nothing when nothing changed', () => {
    const history = new NodeHistory(new FakeClock());
    history.record('web', gathered([node(1)]), 'start');
    history.record('web', gathered([node(1)]), 'configuration');
    assert.equal(history.get('web')?.entries.length, 1);
  });

  it('does not know what was before its first change', () => {
    const clock = new FakeClock();
    const history = new NodeHistory(clock);
    assert.equal(history.nodesAt('web', clock.wall()), null);
    history.record('web', gathered([node(1)]), 'start');
    assert.equal(history.nodesAt('web', clock.wall() - 1), null);
    assert.equal(history.nodesAt('web', clock.wall())?.length, 1);
  });

  it('keeps the last 200 changes of an upstream, and 10,000 upstreams', () => {
    const clock = new FakeClock();
    const history = new NodeHistory(clock);
    for (let change = 1; change <= 250; change++) history.record('web', gathered([node(change)]), 'consul: web');
    assert.equal(history.get('web')?.entries.length, 200);
    history.record('gone', gathered([node(1)]), 'configuration');
    history.record('gone', gathered([]), 'configuration');
    for (let index = 0; index < 9_999; index++) history.record(`u${index}`, gathered([node(1)]), 'start');
    assert.equal([...history.entries()].length, 10_000);
    assert.equal(history.get('gone'), undefined, 'one without nodes is forgotten first');
    assert.ok(history.get('web'));
  });

  it('tells the nodes at any remembered time', () => {
    const sets = fc.array(
      fc.uniqueArray(fc.record({ port: fc.integer({ min: 1, max: 6 }), weight: fc.integer({ min: 1, max: 3 }) }), {
        selector: ({ port }) => port,
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(sets, (sequence) => {
        const clock = new FakeClock();
        const history = new NodeHistory(clock);
        const expected: [number, string][] = [];
        const show = (nodes: readonly { node: string; weight: number }[]) =>
          nodes
            .map(({ node: name, weight }) => `${name}*${weight}`)
            .sort()
            .join();
        for (const set of sequence) {
          clock.advance(10);
          history.record('web', gathered(set.map(({ port, weight }) => node(port, weight))), 'consul: web');
          expected.push([
            clock.wall(),
            set
              .map(({ port, weight }) => `10.0.0.1:${port}*${weight}`)
              .sort()
              .join(),
          ]);
        }
        const first = history.get('web')?.entries[0]?.at ?? Number.POSITIVE_INFINITY;
        for (const [at, nodes] of expected) {
          if (at >= first) assert.equal(show(history.nodesAt('web', at) ?? []), nodes);
        }
      }),
    );
  });
});
