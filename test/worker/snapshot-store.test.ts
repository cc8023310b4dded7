import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { Outcome } from '../../src/balancers/types.ts';
import { NodeSlots } from '../../src/control/node-slots.ts';
import { Publisher } from '../../src/control/publisher.ts';
import { Statistics } from '../../src/control/statistics.ts';
import { silentLog } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { CounterBlock } from '../../src/telemetry/counter-table.ts';
import { allocateAllCounters } from '../../src/telemetry/counters.ts';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';
import { allocateNodeTable, NodeTable } from '../../src/upstream/node-table.ts';
import type { PlannedNode, PlannedUpstream, PlanPatch } from '../../src/upstream/plan.ts';
import { NodeDirectory } from '../../src/worker/node-directory.ts';
import { SnapshotStore } from '../../src/worker/snapshot-store.ts';
import { WorkerView } from '../../src/worker/worker-view.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { node } from '../support/nodes.ts';
import { plainUpstream, plannedNode } from '../support/planned.ts';

function upstream(id: string, slots: readonly number[], weight = 1): PlannedUpstream {
  return {
    id,
    slot: 0,
    ...plainUpstream,
    nodes: slots.map((slot) => plannedNode(slot, { host: '10.0.0.1', port: 8000 + slot, weight })),
  };
}

function patch(
  version: number,
  upstreams: readonly PlannedUpstream[],
  removedUpstreams: readonly string[] = [],
): PlanPatch {
  return { version, upstreams, nodeChanges: [], removedUpstreams, routes: null, streamRoutes: null };
}

describe('SnapshotStore and NodeDirectory', () => {
  let directory: NodeDirectory;
  let store: SnapshotStore;

  const handlesOf = (id: string) => store.current.upstreams.get(id)?.handles ?? [];
  const released = () => [...directory.releaseUnused(store.oldestInUse)].map(([version, slots]) => [version, ...slots]);

  beforeEach(() => {
    const clock = new FakeClock();
    const table = new NodeTable(allocateNodeTable(1, clock.now()), 0);
    directory = new NodeDirectory({
      table,
      counters: new CounterBlock(allocateAllCounters(1, 1024).nodes, 0),
      alarm: () => {},
    });
    store = new SnapshotStore(directory, table, seededRandom(1), new BreakerCells(allocateBreakers(4)));
  });

  it('shares what a patch does not name', () => {
    store.apply(patch(1, [upstream('a', [0, 1]), upstream('b', [2])]));
    const before = store.current;
    store.apply(patch(2, [upstream('a', [0])]));
    assert.notEqual(store.current, before);
    assert.equal(store.current.upstreams.get('b'), before.upstreams.get('b'));
    assert.equal(before.upstreams.get('a')?.handles.length, 2, 'the replaced snapshot is as it was');
  });

  it('keeps the handle of a node, with its newest description', () => {
    store.apply(patch(1, [upstream('a', [0])]));
    const handle = handlesOf('a')[0];
    store.apply(patch(2, [upstream('a', [0, 1], 7)]));
    assert.equal(handlesOf('a')[0], handle);
    assert.equal(handle?.weight, 7);
  });

  it('releases a slot at once when nothing uses it', () => {
    store.apply(patch(1, [upstream('a', [0, 1])]));
    store.apply(patch(2, [upstream('a', [1])]));
    assert.deepEqual(released(), [[2, 0]]);
    assert.equal(directory.hasLeaving, false);
  });

  it('holds a slot while a request routes by a snapshot that has it', () => {
    store.apply(patch(1, [upstream('a', [0])]));
    const used = store.current;
    used.users += 1;
    store.apply(patch(2, [], ['a']));
    assert.deepEqual(released(), []);
    store.release(used);
    assert.deepEqual(released(), [[2, 0]]);
  });

  it('holds a slot while something is under way on it', () => {
    store.apply(patch(1, [upstream('a', [0])]));
    const handle = handlesOf('a')[0]!;
    handle.begin();
    store.apply(patch(2, [], ['a']));
    assert.deepEqual(released(), []);
    handle.end(Outcome.success, 10);
    assert.deepEqual(released(), [[2, 0]]);
  });

  it('gives a slot that was released a new handle for its next node', () => {
    store.apply(patch(1, [upstream('a', [0])]));
    const handle = handlesOf('a')[0];
    store.apply(patch(2, [], ['a']));
    released();
    store.apply(patch(3, [upstream('b', [0])]));
    assert.notEqual(handlesOf('b')[0], handle);
  });

  it('forgets that a node was leaving when it comes back', () => {
    store.apply(patch(1, [upstream('a', [0])]));
    const handle = handlesOf('a')[0];
    store.apply(patch(2, [upstream('a', [])]));
    store.apply(patch(3, [upstream('a', [0])]));
    assert.deepEqual(released(), []);
    assert.equal(handlesOf('a')[0], handle);
  });

  it('knows the oldest snapshot in use', () => {
    store.apply(patch(1, []));
    const first = store.current;
    first.users += 2;
    store.apply(patch(2, []));
    store.apply(patch(3, []));
    assert.equal(store.oldestInUse, 1);
    store.release(first);
    assert.equal(store.oldestInUse, 1);
    store.release(first);
    assert.equal(store.oldestInUse, 3);
  });

  it('applies changes of nodes to those that it has, and to nothing else', () => {
    const [first, second, third, fourth] = upstream('a', [0, 1, 2, 3]).nodes as [
      PlannedNode,
      PlannedNode,
      PlannedNode,
      PlannedNode,
    ];
    store.apply(patch(1, [upstream('a', [0, 1, 2]), upstream('b', [7])]));
    const before = store.current;
    const [kept, , moved] = handlesOf('a');
    const heavy = { ...third, node: { ...third.node, weight: 9 } };
    const edits = [
      { at: 1, remove: 1, insert: [] },
      { at: 2, remove: 1, insert: [fourth, heavy] },
    ];
    store.apply({ ...patch(2, []), nodeChanges: [{ id: 'a', edits }] });
    assert.deepEqual(store.current.upstreams.get('a')?.plan.nodes, [first, fourth, heavy]);
    assert.deepEqual(
      handlesOf('a').map(({ slot, weight }) => [slot, weight]),
      [
        [0, 1],
        [3, 1],
        [2, 9],
      ],
    );
    assert.equal(handlesOf('a')[0], kept);
    assert.equal(handlesOf('a')[2], moved, 'a node that is described anew keeps its handle');
    assert.equal(store.current.upstreams.get('b'), before.upstreams.get('b'));
    assert.equal(before.upstreams.get('a')?.handles.length, 3, 'the replaced snapshot is as it was');
    assert.deepEqual(released(), [[2, second.slot]]);
  });

  it('comes to the plan of the control thread, whatever changes', () => {
    const some = fc.record({ port: fc.integer({ min: 1, max: 12 }), weight: fc.integer({ min: 1, max: 2 }) });
    const set = fc.uniqueArray(some, { selector: ({ port }) => port, maxLength: 12 });
    const step = fc.record({ id: fc.constantFrom('a', 'b'), nodes: fc.option(set), retries: fc.constantFrom(1, 2) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const statistics = new Statistics(1, 0);
        const { memory } = statistics;
        const view = new WorkerView({ index: 0, memory, random: seededRandom(1), alarm: () => {} });
        const store = view.snapshots;
        const nodeSlots = new NodeSlots(statistics.table, statistics.nodes);
        const publisher = new Publisher({
          nodeSlots,
          routeCounters: statistics.routes,
          log: silentLog,
          publish: (patch) => store.apply(structuredClone(patch)),
          overrideOf: () => null,
          joined: () => {},
          workers: () => [0],
        });
        for (const { id, nodes, retries } of steps) {
          const { slot: _, ...settings } = upstream(id, []);
          const described = nodes?.map(({ port, weight }) => node('10.0.0.1', port, { weight }));
          const compiled = described ? { ...settings, retries, nodes: described } : null;
          publisher.update(new Map([[id, compiled]]), null, null);
          for (const [version, slots] of view.releaseUnused()) nodeSlots.released(0, version, slots);
        }
        const plans = new Map([...store.current.upstreams].map(([id, { plan }]) => [id, plan]));
        assert.deepEqual(plans, publisher.upstreams);
        for (const { plan, handles } of store.current.upstreams.values()) {
          assert.deepEqual(
            handles.map((handle) => ({ slot: handle.slot, node: handle.node, override: null })),
            plan.nodes,
          );
        }
      }),
      { numRuns: 40 },
    );
  });
});
