import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Breakers } from '../../src/control/breakers.ts';
import { NodeSlots } from '../../src/control/node-slots.ts';
import { type CompiledRoute, Publisher } from '../../src/control/publisher.ts';
import { Statistics } from '../../src/control/statistics.ts';
import type { BreakerPlan } from '../../src/health/breaker/types.ts';
import { CounterBlock } from '../../src/telemetry/counter-table.ts';
import { RouteField } from '../../src/telemetry/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { plainRoute } from '../support/planned.ts';
import { RecordingLog } from '../support/recording-log.ts';

const PLAN: BreakerPlan = {
  windowMs: 10_000,
  minRequests: 10,
  failureRatio: 0.5,
  slowRatio: null,
  openMs: 5000,
  maxOpenMs: 60_000,
  trials: 2,
};

function setup() {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const statistics = new Statistics(1, clock.now());
  const nodeSlots = new NodeSlots(statistics.table, statistics.nodes);
  const publisher = new Publisher({
    ...{ nodeSlots, log, routeCounters: statistics.routes },
    ...{ publish: () => {}, workers: () => [], overrideOf: () => null, joined: () => {} },
  });
  const breakers = new Breakers({ clock, log, statistics, publisher });
  const counters = new CounterBlock(statistics.memory.counters.routes, 0);
  const plan = (routes: readonly CompiledRoute[]) => {
    publisher.update(new Map(), routes, null);
    breakers.track({ upstreams: new Map(), routes: new Map([['r', PLAN]]) });
  };
  /** So many requests of a route failed; a second passes. */
  const fail = (row: number, times: number) => {
    counters.add(row, RouteField.tried, times);
    counters.add(row, RouteField.failed, times);
    clock.advance(1000);
  };
  return {
    clock,
    log,
    publisher,
    breakers,
    plan,
    fail,
    admits: (row: number) => statistics.routeBreakers.wouldAdmit(row),
  };
}

describe('breakers of routes', () => {
  it('open by what their own route came to', () => {
    const { clock, log, publisher, breakers, plan, fail, admits } = setup();
    plan([plainRoute('other', 'u'), plainRoute('r', 'u')]);
    const [other, row] = publisher.routes.map(({ slot }) => slot) as [number, number];
    clock.advance(1000);
    fail(other, 20);
    assert.equal(admits(row), true);
    fail(row, 10);
    assert.deepEqual([admits(row), admits(other)], [false, true]);
    assert.deepEqual(log.names, ['breaker.open']);
    assert.deepEqual(
      breakers.views().map(({ kind, id, state }) => [kind, id, state]),
      [['route', 'r', 'open']],
    );
    breakers.close();
    assert.equal(clock.pending, 0);
  });

  it('end with the place of their route in the plan, and begin closed when it has one again', () => {
    const { clock, publisher, breakers, plan, fail, admits } = setup();
    plan([plainRoute('r', 'u')]);
    const row = publisher.routes[0]!.slot;
    clock.advance(1000);
    fail(row, 10);
    assert.equal(admits(row), false);
    plan([]);
    assert.deepEqual([admits(row), breakers.views().length, clock.pending], [true, 0, 0]);
    plan([plainRoute('r', 'u')]);
    assert.equal(breakers.views()[0]?.state, 'closed');
    fail(publisher.routes[0]!.slot, 0);
    fail(publisher.routes[0]!.slot, 10);
    assert.equal(admits(publisher.routes[0]!.slot), false);
  });
});
