import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NodeSlots } from '../../src/control/node-slots.ts';
import { type CompiledStreamRoute, type CompiledUpstream, Publisher } from '../../src/control/publisher.ts';
import { Statistics } from '../../src/control/statistics.ts';
import { silentLog } from '../../src/core/log.ts';
import { Health } from '../../src/upstream/node-table.ts';
import type { PlanPatch } from '../../src/upstream/plan.ts';
import { plainRoute, plainUpstream } from '../support/planned.ts';

const WORKERS = [0, 1];

function upstream(id: string, ports: readonly number[], type = 'roundrobin'): CompiledUpstream {
  return {
    id,
    ...plainUpstream,
    balancer: { ...plainUpstream.balancer, type },
    nodes: ports.map((port) => ({ host: '10.0.0.1', port, weight: 1, priority: 0, metadata: {}, tags: [] })),
  };
}

function streamRoute(id: string, upstreamId: string): CompiledStreamRoute {
  const nowhere = { protocol: null, serverAddr: null, serverPort: null, remoteAddrs: [], snis: [] };
  return { id, ...nowhere, upstreamId, idleTimeout: null, maxLifetime: null, subset: null };
}

function setUp() {
  const statistics = new Statistics(WORKERS.length, 0);
  const nodeSlots = new NodeSlots(statistics.table, statistics.nodes);
  const patches: PlanPatch[] = [];
  const joined: number[] = [];
  const publisher = new Publisher({
    nodeSlots,
    routeCounters: statistics.routes,
    log: silentLog,
    overrideOf: () => null,
    joined: (slots) => void joined.push(...slots),
    publish: (patch) => void patches.push(patch),
    workers: () => WORKERS,
  });
  const set = (...upstreams: CompiledUpstream[]) =>
    publisher.update(new Map(upstreams.map((item) => [item.id, item])), null, null);
  const slotOf = (id: string, port: number) =>
    publisher.upstreams.get(id)?.nodes.find(({ node }) => node.port === port)?.slot;
  return { statistics, nodeSlots, publisher, patches, joined, set, slotOf };
}

function idsOf(list: readonly { readonly id: string }[]): string {
  return list.map(({ id }) => id).join(' ');
}

describe('Publisher', () => {
  it('sends only what changed, and nothing when nothing did', () => {
    const { publisher, patches, set } = setUp();
    assert.equal(set(upstream('a', [1, 2]), upstream('b', [3])), true);
    assert.equal(publisher.update(new Map(), [plainRoute('r', 'a')], []), true);
    assert.equal(set(upstream('a', [1, 2]), upstream('b', [3, 4])), true);
    assert.equal(set(upstream('a', [1, 2]), upstream('b', [3, 4])), false);
    assert.equal(publisher.update(new Map(), [plainRoute('r', 'a')], []), false);
    assert.deepEqual(
      patches.map((patch) => [patch.version, idsOf(patch.upstreams), idsOf(patch.nodeChanges), patch.routes?.length]),
      [
        [2, 'a b', '', undefined],
        [3, '', '', 1],
        [4, '', 'b', undefined],
      ],
    );
  });

  it('sends of a changed set just what came, went and changed', () => {
    const { patches, set, slotOf } = setUp();
    const before = upstream('a', [1, 2, 3, 4]);
    set(before);
    const heavy = { ...before.nodes[3]!, weight: 9 };
    set({ ...before, nodes: [before.nodes[0]!, before.nodes[2]!, heavy, upstream('a', [5]).nodes[0]!] });
    const [change] = patches[1]!.nodeChanges;
    assert.deepEqual(change?.edits, [
      { at: 1, remove: 1, insert: [] },
      {
        at: 3,
        remove: 1,
        insert: [
          { slot: slotOf('a', 4), node: heavy, override: null },
          { slot: slotOf('a', 5), node: upstream('a', [5]).nodes[0], override: null },
        ],
      },
    ]);
  });

  it('sends the whole upstream when a setting changes', () => {
    const { patches, set } = setUp();
    set(upstream('a', [1, 2]));
    set(upstream('a', [2, 3], 'least_conn'));
    assert.deepEqual([idsOf(patches[1]!.upstreams), idsOf(patches[1]!.nodeChanges)], ['a', '']);
    assert.deepEqual(
      patches[1]?.upstreams[0]?.nodes.map(({ node }) => node.port),
      [2, 3],
    );
  });

  it('gives a new worker the whole plan', () => {
    const { publisher, set } = setUp();
    set(upstream('a', [1]), upstream('b', [2]));
    publisher.update(new Map([['a', null]]), [plainRoute('r', 'b')], []);
    const whole = publisher.whole();
    assert.deepEqual(
      [whole.version, whole.upstreams.map(({ id }) => id), whole.routes?.map(({ id }) => id)],
      [3, ['b'], ['r']],
    );
  });

  it('keeps the rows of what stays, over changes of settings and membership', () => {
    const { publisher, statistics, set, slotOf } = setUp();
    set(upstream('a', [1, 2]));
    publisher.update(new Map(), [plainRoute('r', 'a'), plainRoute('s', 'a')], []);
    const slot = slotOf('a', 2)!;
    statistics.table.setHealth(slot, Health.unhealthy);
    const row = publisher.routes.find(({ id }) => id === 's')?.slot;
    set(upstream('a', [2, 3], 'least_conn'));
    publisher.update(new Map(), [plainRoute('s', 'a')], []);
    assert.equal(slotOf('a', 2), slot);
    assert.equal(statistics.table.health(slot), Health.unhealthy);
    assert.equal(publisher.routes[0]?.slot, row);
  });

  it('counts a route and a stream route of the same id apart', () => {
    const { publisher, set } = setUp();
    set(upstream('a', [1]));
    publisher.update(new Map(), [plainRoute('1', 'a')], [streamRoute('1', 'a')]);
    const row = publisher.routes[0]!.slot;
    assert.notEqual(publisher.streamRoutes[0]!.slot, row);
    assert.equal(publisher.routeSlot('1'), row);
    publisher.update(new Map(), null, []);
    assert.equal(publisher.routeSlot('1'), row);
    publisher.update(new Map(), [], null);
    assert.equal(publisher.routeSlot('1'), null);
  });

  it('gives a slot to another node only when every worker has let go of it', () => {
    const { nodeSlots, statistics, set, slotOf, publisher } = setUp();
    set(upstream('a', [1]));
    const slot = slotOf('a', 1)!;
    statistics.table.setHealth(slot, Health.healthy);
    set(upstream('a', [2]));
    const leftWith = publisher.version;
    nodeSlots.released(0, leftWith, [slot]);
    set(upstream('a', [2, 3]));
    assert.notEqual(slotOf('a', 3), slot);
    nodeSlots.released(1, leftWith, [slot]);
    set(upstream('a', [2, 3, 4]));
    assert.equal(slotOf('a', 4), slot);
    assert.equal(statistics.table.health(slot), Health.unknown, 'the new node starts blank');
  });

  it('lets a node that comes back find its numbers, and does not believe releases from before', () => {
    const { nodeSlots, statistics, set, slotOf, publisher } = setUp();
    set(upstream('a', [1, 2]));
    const slot = slotOf('a', 1)!;
    statistics.table.setHealth(slot, Health.unhealthy);
    set(upstream('a', [2]));
    const firstLeaving = publisher.version;
    set(upstream('a', [1, 2]));
    assert.equal(slotOf('a', 1), slot);
    assert.equal(statistics.table.health(slot), Health.unhealthy);
    set(upstream('a', [2]));
    for (const worker of WORKERS) nodeSlots.released(worker, firstLeaving, [slot]);
    set(upstream('a', [2, 9]));
    assert.notEqual(slotOf('a', 9), slot, 'the releases were of an earlier leaving');
  });

  it('does not give away the slot of a node that is only described anew', () => {
    const { nodeSlots, set, slotOf } = setUp();
    const before = upstream('a', [1, 2]);
    set(before);
    const slot = slotOf('a', 1)!;
    set({ ...before, nodes: [{ ...before.nodes[0]!, weight: 5 }, before.nodes[1]!] });
    set({ ...before, nodes: before.nodes.toReversed() });
    for (const worker of WORKERS) nodeSlots.workerGone(worker);
    set(upstream('a', [1, 2, 3, 4]));
    assert.equal(slotOf('a', 1), slot);
    assert.equal(new Set([1, 2, 3, 4].map((port) => slotOf('a', port))).size, 4);
  });

  it('counts a worker that died as one that has let go', () => {
    const { nodeSlots, set, slotOf, publisher } = setUp();
    set(upstream('a', [1]));
    const slot = slotOf('a', 1)!;
    set(upstream('a', [2]));
    nodeSlots.released(0, publisher.version, [slot]);
    nodeSlots.workerGone(1);
    set(upstream('a', [2, 3]));
    assert.equal(slotOf('a', 3), slot);
  });
});
