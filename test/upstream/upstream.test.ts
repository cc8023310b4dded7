import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLeastConn } from '../../src/balancers/least-conn.ts';
import { createRoundRobin } from '../../src/balancers/round-robin.ts';
import { type Balancer, Outcome, type PickContext } from '../../src/balancers/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { allocateCounters, CounterBlock, CounterSums } from '../../src/telemetry/counter-table.ts';
import { NODE_FIELDS, NodeField } from '../../src/telemetry/counters.ts';
import { allocateBreakers, BreakerCells } from '../../src/upstream/breaker-cells.ts';
import { TableHandle } from '../../src/upstream/handle.ts';
import { allocateNodeTable, Health, NodeTable, type NodeTableMemory } from '../../src/upstream/node-table.ts';
import type { PlannedUpstream } from '../../src/upstream/plan.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { plainUpstream, plannedNode } from '../support/planned.ts';

const ROW = 9;
const noChance = { next: () => 0, below: () => 0 };

/** Of the test that runs. */
let time = new FakeClock();
const context = (...tried: TableHandle[]): PickContext => ({ hash: 0, now: time.now(), tried });

interface Given {
  weight?: number;
  priority?: number;
}

/** One worker's view of an upstream with nodes named by their slot. */
class Worker {
  readonly table: NodeTable;
  readonly counters = allocateCounters(1, 16, NODE_FIELDS);
  readonly handles = new Map<number, TableHandle>();
  builds = 0;

  constructor(memory: NodeTableMemory, index: number) {
    this.table = new NodeTable(memory, index);
  }

  handle(slot: number, given?: Given): TableHandle {
    const known = this.handles.get(slot);
    if (known && !given) return known;
    const { weight = 1, priority = 0 } = given ?? {};
    const planned = plannedNode(slot, { host: `n${slot}`, weight, priority });
    known?.describe(planned, plainUpstream);
    const ports = { table: this.table, counters: new CounterBlock(this.counters, 0), alarm: () => {} };
    const handle = known ?? new TableHandle(planned, plainUpstream, ports);
    this.handles.set(slot, handle);
    return handle;
  }

  upstream(
    nodes: Record<number, Given>,
    previous: Upstream | null = null,
    balancer = createRoundRobin(noChance),
    limited = false,
  ): Upstream {
    const handles = Object.entries(nodes).map(([slot, given]) => this.handle(Number(slot), given));
    const counted: Balancer = {
      type: balancer.type,
      build: (ready, picker) => {
        this.builds += 1;
        return balancer.build(ready, picker);
      },
    };
    const plan: PlannedUpstream = {
      id: 'u',
      slot: ROW,
      ...plainUpstream,
      limited,
      nodes: handles.map(({ slot, node }) => ({ slot, node, override: null })),
    };
    return new Upstream(plan, handles, previous, {
      ...{ balancer: counted, table: this.table, random: noChance },
      breakers: new BreakerCells(allocateBreakers(16)),
    });
  }
}

function setup(workers = 1) {
  const clock = new FakeClock();
  time = clock;
  const memory = allocateNodeTable(workers, clock.now());
  const control = new NodeTable(memory, null);
  const all = Array.from({ length: workers }, (_, index) => new Worker(memory, index));
  const setHealth = (slot: number, health: Health) => {
    control.setHealth(slot, health);
    control.bump(ROW);
  };
  return { clock, control, setHealth, worker: all[0]!, other: all[1] ?? all[0]! };
}

function picks(upstream: Upstream, count: number): number[] {
  return Array.from({ length: count }, () => upstream.pick(context(), null)!.slot);
}

describe('upstream: pick', () => {
  it('uses the nodes in turn, and rebuilds nothing while nothing changes', () => {
    const { worker } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {}, 3: {} });
    assert.deepEqual(picks(upstream, 6), [1, 2, 3, 1, 2, 3]);
    assert.equal(worker.builds, 1);
  });

  it('takes the trial of an ejected node only for a use, which ends it', () => {
    const { worker, control, clock } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {} }, null, createRoundRobin(noChance), true);
    control.eject(2, clock.now() - 1);
    control.bump(ROW);
    assert.equal(upstream.selection(null).rehearsal().pick(context(), 1)?.slot, 2, 'a rehearsal says who it would be');
    assert.equal(control.wouldProbe(2, clock.now()), true);
    control.setLimit(2, 1);
    worker.table.begin(2);
    assert.deepEqual(picks(upstream, 2), [1, 1]);
    assert.equal(control.wouldProbe(2, clock.now()), true, 'at its limit the node is not tried, and its trial stays');
    worker.table.end(2);
    assert.deepEqual(picks(upstream, 3), [2, 1, 1]);
    assert.equal(control.wouldProbe(2, clock.now()), false);
    assert.equal(upstream.selection(null).rehearsal().pick(context(), 1)?.slot, 1);
  });

  it('gives null when there is no node, or none with a weight', () => {
    const { worker } = setup();
    assert.equal(worker.upstream({}).pick(context(), null), null);
    const idle = worker.upstream({ 1: { weight: 0 } });
    assert.equal(idle.pick(context(), null), null);
    assert.equal(idle.pick(context(worker.handle(2)), null), null);
  });

  it('leaves an unhealthy node alone from the next pick on, and takes it back', () => {
    const { worker, setHealth } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {}, 3: {} });
    assert.deepEqual(picks(upstream, 1), [1]);
    setHealth(2, Health.unhealthy);
    assert.deepEqual(picks(upstream, 4), [3, 1, 3, 1]);
    setHealth(2, Health.healthy);
    assert.deepEqual(picks(upstream, 6).sort(), [1, 1, 2, 2, 3, 3]);
  });

  it('uses all when all are unhealthy', () => {
    const { worker, setHealth } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {} });
    setHealth(1, Health.unhealthy);
    setHealth(2, Health.unhealthy);
    assert.deepEqual(picks(upstream, 4).sort(), [1, 1, 2, 2]);
  });
});

describe('upstream: a failed connection', () => {
  it('is seen by every worker at its next pick, and forgotten after a second', () => {
    const { clock, worker, other } = setup(2);
    const [here, there] = [worker.upstream({ 1: {}, 2: {} }), other.upstream({ 1: {}, 2: {} })];
    assert.deepEqual(
      [picks(here, 2), picks(there, 2)],
      [
        [1, 2],
        [1, 2],
      ],
    );
    here.connectFailed(worker.handle(1), time.now());
    assert.deepEqual(
      [picks(here, 3), picks(there, 3)],
      [
        [2, 2, 2],
        [2, 2, 2],
      ],
    );
    clock.advance(999);
    assert.deepEqual(
      [picks(here, 2), picks(there, 2)],
      [
        [2, 2],
        [2, 2],
      ],
    );
    clock.advance(1);
    for (const upstream of [here, there]) assert.deepEqual(picks(upstream, 4).sort(), [1, 1, 2, 2]);
  });

  it('takes a node out for as long as it goes on to fail', () => {
    const { clock, worker } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {} });
    upstream.connectFailed(worker.handle(1), time.now());
    clock.advance(600);
    upstream.connectFailed(worker.handle(1), time.now());
    clock.advance(600);
    assert.deepEqual(picks(upstream, 2), [2, 2]);
    clock.advance(400);
    assert.deepEqual(picks(upstream, 2).sort(), [1, 2]);
  });

  it('costs one rebuild, however many connections fail with it', () => {
    const { clock, worker } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {} });
    picks(upstream, 1);
    for (let failure = 0; failure < 100; failure++) {
      upstream.connectFailed(worker.handle(1), time.now());
      assert.deepEqual(picks(upstream, 1), [2]);
      clock.advance(1);
    }
    assert.equal(worker.builds, 2);
  });

  it('of every node leaves them all in use', () => {
    const { worker } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {} });
    upstream.connectFailed(worker.handle(1), time.now());
    upstream.connectFailed(worker.handle(2), time.now());
    assert.deepEqual(picks(upstream, 2).sort(), [1, 2]);
  });

  it('hands over to the next priority, and back', () => {
    const { clock, worker } = setup();
    const upstream = worker.upstream({ 1: { priority: 10 }, 2: { priority: 0 } });
    assert.deepEqual(picks(upstream, 2), [1, 1]);
    upstream.connectFailed(worker.handle(1), time.now());
    assert.deepEqual(picks(upstream, 2), [2, 2]);
    clock.advance(1000);
    assert.deepEqual(picks(upstream, 2), [1, 1]);
  });

  it('ends as it should after weeks of uptime', () => {
    const { clock, worker } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {} });
    clock.advance(30 * 86_400_000);
    upstream.connectFailed(worker.handle(1), time.now());
    assert.deepEqual(picks(upstream, 3), [2, 2, 2]);
    clock.advance(1000);
    assert.deepEqual(picks(upstream, 2).sort(), [1, 2]);
  });
});

describe('upstream: retries', () => {
  it('never use a node twice, and end with null', () => {
    const { worker } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {}, 3: {} });
    const tried: TableHandle[] = [];
    for (let attempt = 0; attempt < 3; attempt++) tried.push(upstream.pick(context(...tried), null)!);
    assert.deepEqual(tried.map((handle) => handle.slot).sort(), [1, 2, 3]);
    assert.equal(upstream.pick(context(...tried), null), null);
  });

  it('go on with nodes that are not ready when all ready ones were tried', () => {
    const { worker, setHealth } = setup();
    const upstream = worker.upstream({ 1: {}, 2: {}, 3: { weight: 0 } });
    setHealth(2, Health.unhealthy);
    assert.equal(upstream.pick(context(), null)!.slot, 1);
    assert.equal(upstream.pick(context(worker.handle(1)), null)!.slot, 2);
    assert.equal(upstream.pick(context(worker.handle(1), worker.handle(2)), null), null);
  });

  it('prefer what is left by the same rules: usable before unhealthy, then by priority', () => {
    const { worker, setHealth } = setup();
    const nodes = { 1: { priority: 10 }, 2: { priority: 10 }, 3: { priority: 1 }, 4: { priority: 5 } };
    const upstream = worker.upstream(nodes);
    setHealth(2, Health.unhealthy);
    const tried: TableHandle[] = [];
    for (let attempt = 0; attempt < 4; attempt++) tried.push(upstream.pick(context(...tried), null)!);
    assert.deepEqual(
      tried.map((handle) => handle.slot),
      [1, 4, 3, 2],
    );
  });

  it('spread over the nodes that are left', () => {
    const { worker } = setup();
    const upstream = worker.upstream({ 1: { priority: 1 }, 2: {}, 3: {} });
    const seconds = Array.from({ length: 4 }, () => upstream.pick(context(worker.handle(1)), null)!.slot);
    assert.deepEqual(seconds.sort(), [2, 2, 3, 3]);
  });
});

describe('upstream: replacement', () => {
  it('carries the turn over to the next snapshot', () => {
    const { worker } = setup();
    const first = worker.upstream({ 1: {}, 2: {}, 3: {} });
    assert.deepEqual(picks(first, 2), [1, 2]);
    assert.deepEqual(picks(worker.upstream({ 1: {}, 2: {}, 3: {} }, first), 3), [3, 1, 2]);
  });

  it('carries the turn of a subset over changes during which nobody asked for it', () => {
    const { worker } = setup();
    const all = { key: 'all', labels: {}, fallback: 'none' } as const;
    const pick = (upstream: Upstream) => upstream.pick(context(), all)!.slot;
    let upstream = worker.upstream({ 1: {}, 2: {}, 3: {} });
    assert.deepEqual([pick(upstream), pick(upstream)], [1, 2]);
    for (let change = 0; change < 3; change++) upstream = worker.upstream({ 1: {}, 2: {}, 3: {} }, upstream);
    assert.deepEqual([pick(upstream), pick(upstream), pick(upstream)], [3, 1, 2]);
  });

  it('carries nothing over to another algorithm', () => {
    const { worker } = setup();
    const first = worker.upstream({ 1: {}, 2: {} });
    picks(first, 1);
    const second = worker.upstream({ 1: {}, 2: {} }, first, createLeastConn(noChance));
    assert.deepEqual(picks(second, 2), [1, 2]);
    assert.deepEqual(picks(worker.upstream({ 1: {}, 2: {} }, second), 2), [1, 2]);
  });

  it('keeps in-flight counts, demotions and health, and uses new weights', () => {
    const { worker, setHealth } = setup();
    const first = worker.upstream({ 1: {}, 2: {}, 3: {} });
    worker.handle(1).begin();
    first.connectFailed(worker.handle(2), time.now());
    setHealth(3, Health.unhealthy);
    const second = worker.upstream({ 1: { weight: 2 }, 2: {}, 3: {}, 4: {} }, first);
    assert.equal(worker.handle(1).inflight(), 1);
    const shares = picks(second, 300);
    assert.equal(shares.filter((slot) => slot === 1).length, 200);
    assert.equal(shares.filter((slot) => slot === 4).length, 100);
  });

  it('leaves the old one usable for the requests that still hold it', () => {
    const { worker } = setup();
    const first = worker.upstream({ 1: {}, 2: {} });
    picks(first, 1);
    const second = worker.upstream({ 2: {}, 3: {} }, first);
    picks(second, 3);
    assert.deepEqual(picks(first, 2).sort(), [1, 2]);
  });

  it('takes a replaced upstream that nobody ever picked from', () => {
    const { worker } = setup();
    const second = worker.upstream({ 1: {} }, worker.upstream({ 1: {} }));
    assert.deepEqual(picks(second, 1), [1]);
  });
});

describe('least_conn over workers', () => {
  it('sees what the other workers have under way', () => {
    const { worker, other } = setup(2);
    const nodes = { 1: {}, 2: {} };
    const here = worker.upstream(nodes, null, createLeastConn(seededRandom(1)));
    const there = other.upstream(nodes, null, createLeastConn(seededRandom(2)));
    for (let use = 0; use < 5; use++) worker.handle(1).begin();
    assert.deepEqual(picks(there, 2), [2, 2]);
    for (let use = 0; use < 20; use++) (use % 2 === 0 ? here : there).pick(context(), null)!.begin();
    assert.deepEqual([worker.handle(1).inflight(), other.handle(2).inflight()].sort(), [12, 13]);
    assert.equal(worker.handle(2).ownInflight() + other.handle(2).ownInflight(), other.handle(2).inflight());
  });
});

describe('handle', () => {
  it('counts uses, outcomes, connections, bytes and latency', () => {
    const { worker } = setup();
    const handle = worker.handle(4);
    for (const [outcome, micros] of [
      [Outcome.success, 800],
      [Outcome.success, 1600],
      [Outcome.reset, 0],
    ] as const) {
      handle.begin();
      if (micros > 0) handle.answered(micros, 0);
      handle.end(outcome, 0);
    }
    handle.connected();
    handle.transferred(10, 20);
    handle.transferred(1, 2);
    const sums = new CounterSums(worker.counters);
    const field = (name: number) => sums.sum(4, name);
    assert.deepEqual(
      [Outcome.success, Outcome.serverError, Outcome.reset].map((outcome) => field(NodeField.outcome + outcome)),
      [2, 0, 1],
    );
    assert.deepEqual(
      [field(NodeField.connects), field(NodeField.sentBytes), field(NodeField.receivedBytes)],
      [1, 11, 22],
    );
    assert.deepEqual([handle.inflight(), handle.ownInflight(), worker.table.latency(4)], [0, 0, 900]);
  });

  it('takes a new description of the same node', () => {
    const { worker } = setup();
    const handle = worker.handle(4, { weight: 1 });
    handle.begin();
    assert.equal(worker.handle(4, { weight: 7 }), handle);
    assert.deepEqual([handle.weight, handle.node.weight, handle.inflight()], [7, 7, 1]);
  });
});
