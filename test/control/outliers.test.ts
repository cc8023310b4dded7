import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { documentFrom } from '../../src/config/document.ts';
import type { DocumentInput } from '../../src/config/types.ts';
import { defineResources } from '../../src/control/definitions.ts';
import { NodeHistory } from '../../src/control/node-history.ts';
import { Planning } from '../../src/control/planning.ts';
import { Statistics } from '../../src/control/statistics.ts';
import { seededRandom } from '../../src/core/random.ts';
import { explainUpstream } from '../../src/upstream/explain.ts';
import type { TableHandle } from '../../src/upstream/handle.ts';
import { Health, TRIAL_MS } from '../../src/upstream/node-table.ts';
import { WorkerView } from '../../src/worker/worker-view.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { noRegistries } from '../support/no-registries.ts';
import { RecordingLog } from '../support/recording-log.ts';

type UpstreamInput = Omit<NonNullable<DocumentInput['upstreams']>[number], 'id'>;

/** The control thread's parts and one worker's, with nothing between them, and one upstream `u`. */
function setup(upstream: UpstreamInput) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const statistics = new Statistics(1, clock.now() - 1);
  const { snapshots, table } = new WorkerView({
    ...{ index: 0, memory: statistics.memory, random: seededRandom(4) },
    alarm: (slot, alarm) => supervision.outliers.alarm(slot, alarm),
  });
  const planning = new Planning({
    ...{ clock, log, random: seededRandom(3), statistics, nodeSets: noRegistries(clock, log) },
    ...{ history: new NodeHistory(clock), overrides: null },
    publish: (patch) => snapshots.apply(patch),
    workers: () => [0],
  });
  const { nodeSlots, supervision } = planning;
  const configure = (changed: UpstreamInput) =>
    planning.define(defineResources(documentFrom({ upstreams: [{ id: 'u', ...changed }] })));
  configure(upstream);
  const worker = () => snapshots.current.upstreams.get('u')!;
  const pick = () => worker().pick({ hash: 0, now: clock.now(), tried: [] }, null);
  const handle = (port: number): TableHandle => worker().handles.find(({ node }) => node.port === port)!;
  const use = (port: number, outcome: Outcome, times = 1) => {
    for (let count = 0; count < times; count++) {
      handle(port).begin();
      handle(port).end(outcome, clock.now());
    }
  };
  /** How often each port is picked in `count` picks; nothing is counted in. */
  const shares = (count: number) => {
    const picked: Record<number, number> = {};
    for (let index = 0; index < count; index++) {
      const { port } = pick()!.node;
      picked[port] = (picked[port] ?? 0) + 1;
    }
    return picked;
  };
  const explain = () => explainUpstream(worker(), null, table, { hash: 0, now: clock.now(), tried: [] }, null);
  /** The upstream leaves the configuration. */
  const remove = () => planning.define(defineResources(documentFrom({})));
  return {
    ...{ clock, log, configure, remove, pick, use, shares, handle, explain },
    ...{ supervision, statistics, nodeSlots, worker },
  };
}

const NODES = { '10.0.0.1:1': 1, '10.0.0.1:2': 1, '10.0.0.1:3': 1, '10.0.0.1:4': 1 };

describe('outliers: from an outcome to the next pick', () => {
  it('a run of failures takes the node out at once; a success before its end does not', () => {
    const { use, shares, log, supervision } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.serverError, 4);
    use(2, Outcome.success);
    use(2, Outcome.serverError, 4);
    assert.equal(shares(8)[2], 2);
    use(2, Outcome.serverError);
    assert.equal(shares(9)[2], undefined);
    assert.deepEqual(log.names, ['outlier.ejected']);
    assert.match(
      log.events[0]!.message,
      /^u\|10\.0\.0\.1:2 is left alone for (2|3)\d(\.\d)? s: 5 failing answers in a row$/,
    );
    assert.deepEqual(supervision.outliers.tallies.ejected, 1);
  });

  it('counts kinds of failure apart, and clients that leave not at all', () => {
    const { use, shares } = setup({ nodes: NODES, checks: { passive: { unhealthy: { timeouts: 2 } } } });
    use(1, Outcome.serverError, 4);
    use(1, Outcome.connectFailure, 4);
    use(1, Outcome.reset, 4);
    use(1, Outcome.aborted, 20);
    use(1, Outcome.timeout, 1);
    assert.equal(shares(8)[1], 2);
    use(1, Outcome.timeout, 1);
    assert.equal(shares(9)[1], undefined);
  });

  it('one single use tries it when its time is over, and brings it back or not', () => {
    const { clock, use, shares, pick } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    clock.advance(34_000);
    assert.deepEqual(shares(7), { 1: 2, 2: 1, 3: 2, 4: 2 }, 'one trial and no more until it has ended');
    use(2, Outcome.reset);
    assert.equal(shares(9)[2], undefined);
    clock.advance(34_000);
    assert.equal(shares(9)[2], undefined, 'twice as long');
    clock.advance(34_000);
    assert.equal(pick()!.node.port, 2);
    use(2, Outcome.aborted);
    assert.equal(pick()!.node.port, 2, 'a trial that said nothing is given out again');
    use(2, Outcome.success);
    assert.equal(shares(8)[2], 2);
  });

  it('gives a trial out again when the worker that held it is gone', () => {
    const { clock, use, handle, pick, shares, nodeSlots } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    clock.advance(34_000);
    assert.equal(pick()!.node.port, 2);
    handle(2).begin();
    assert.equal(shares(9)[2], undefined);
    assert.equal(nodeSlots.workerGone(0), 1);
    assert.equal(pick()!.node.port, 2);
    use(2, Outcome.success);
    assert.equal(shares(8)[2], 2);
  });

  it('gives a trial out again that does not end', () => {
    const { clock, use, handle, pick, shares } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    clock.advance(34_000);
    assert.equal(pick()!.node.port, 2);
    handle(2).begin();
    clock.advance(TRIAL_MS - 1);
    assert.equal(shares(9)[2], undefined);
    clock.advance(1);
    assert.equal(shares(9)[2], 1);
    use(2, Outcome.success);
    assert.equal(shares(8)[2], 2);
  });

  it('takes a stream that was established for a trial that went well, however long it goes on', () => {
    const { clock, use, handle, pick, shares } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    clock.advance(34_000);
    assert.equal(pick()!.node.port, 2);
    handle(2).begin();
    handle(2).established();
    assert.equal(shares(8)[2], 2);
  });

  it('an explanation takes no trial', () => {
    const { clock, use, explain, pick } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    clock.advance(34_000);
    for (let asked = 0; asked < 3; asked++) assert.equal(explain().pick, '10.0.0.1:2');
    assert.equal(pick()!.node.port, 2);
    assert.notEqual(explain().pick, '10.0.0.1:2', 'the trial is under way');
  });

  it('shadow mode lets go of those that are ejected', () => {
    const { configure, use, shares, log } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    configure({ nodes: NODES, checks: { passive: { shadow: true } } });
    assert.equal(shares(8)[2], 2);
    assert.deepEqual(log.names, ['outlier.ejected', 'outlier.reinstated']);
  });

  it('survives a reload, with its thresholds changed', () => {
    const { configure, use, shares, supervision } = setup({ nodes: NODES, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    configure({ nodes: { ...NODES, '10.0.0.1:5': 1 }, checks: { passive: { unhealthy: { timeouts: 1 } } } });
    assert.equal(shares(20)[2], undefined);
    assert.equal(supervision.outliers.ejection('u|10.0.0.1:2')?.times, 1);
    configure({ nodes: NODES });
    assert.equal(shares(8)[2], 2, 'without passive checks nobody is out');
  });

  it('ejects by ratio over all workers, ten times a window', () => {
    const { clock, use, shares } = setup({ nodes: NODES, checks: { passive: { failure_ratio: { threshold: 30 } } } });
    clock.advance(1000);
    for (let round = 0; round < 10; round++) {
      use(3, Outcome.serverError, 3);
      use(3, Outcome.success, 7);
    }
    assert.equal(shares(8)[3], 2);
    clock.advance(1000);
    assert.equal(shares(9)[3], undefined);
  });
});

describe('slow start', () => {
  const slow_start = { window: 10 };

  it('begins when a node joins others, and not for a set that is new as a whole', () => {
    const { clock, configure, shares } = setup({ nodes: NODES, slow_start });
    assert.deepEqual(shares(8), { 1: 2, 2: 2, 3: 2, 4: 2 });
    configure({ nodes: { ...NODES, '10.0.0.1:5': 1 }, slow_start });
    const first = shares(410)[5]!;
    assert.ok(Math.abs(first - 10) <= 1, `a tenth of its share at first: ${first}`);
    clock.advance(5000);
    const half = shares(450)[5]!;
    assert.ok(Math.abs(half - 50) <= 2, `half of it after half of the time: ${half}`);
    clock.advance(5000);
    assert.equal(shares(500)[5], 100);
  });

  it('begins again after an ejection', () => {
    const { clock, use, shares, pick } = setup({ nodes: NODES, slow_start, checks: { passive: {} } });
    use(2, Outcome.timeout, 5);
    clock.advance(34_000);
    assert.equal(pick()!.node.port, 2);
    use(2, Outcome.success);
    const share = shares(310)[2]!;
    assert.ok(Math.abs(share - 10) <= 1, String(share));
  });
});

describe('circuit breaker of an upstream', () => {
  const breaker = { nodes: NODES, circuit_breaker: { min_requests: 10, trials: 2 } };

  it('opens by what all nodes came to, and closes after trials that went well', () => {
    const { clock, use, log, supervision, worker } = setup(breaker);
    clock.advance(1000);
    for (const port of [1, 2, 3, 4]) use(port, Outcome.connectFailure, 2);
    use(1, Outcome.success, 8);
    clock.advance(1000);
    assert.equal(worker().admits(), false);
    assert.equal(supervision.breakers.views()[0]!.reason, '8 of 16 failed');
    clock.advance(5000);
    assert.deepEqual([worker().admits(), worker().admits(), worker().admits()], [true, true, false]);
    use(1, Outcome.success, 2);
    clock.advance(1000);
    assert.equal(worker().admits(), true);
    assert.deepEqual(log.names, ['breaker.open', 'breaker.half-open', 'breaker.closed']);
    assert.deepEqual(supervision.breakers.views()[0], {
      kind: 'upstream',
      id: 'u',
      state: 'closed',
      openings: 1,
      reason: '2 trials went well',
    });
  });

  it('stays open over a reload, and is gone with its configuration', () => {
    const { clock, use, configure, worker } = setup(breaker);
    clock.advance(1000);
    use(1, Outcome.timeout, 10);
    clock.advance(1000);
    configure({ ...breaker, nodes: { ...NODES, '10.0.0.1:5': 1 } });
    assert.equal(worker().admits(), false);
    configure({ nodes: NODES });
    assert.equal(worker().admits(), true);
    configure(breaker);
    assert.equal(worker().admits(), true, 'a new one begins closed');
  });

  it('gives trials out again that a dead worker took with it', () => {
    const { clock, use, worker, handle, nodeSlots } = setup(breaker);
    clock.advance(1000);
    use(1, Outcome.timeout, 10);
    clock.advance(6000);
    for (const port of [1, 2]) {
      assert.equal(worker().admits(), true);
      handle(port).begin();
    }
    assert.equal(nodeSlots.workerGone(0), 2);
    clock.advance(4000);
    assert.equal(worker().admits(), false);
    clock.advance(2000);
    assert.deepEqual([worker().admits(), worker().admits(), worker().admits()], [true, true, false]);
    use(1, Outcome.success, 2);
    clock.advance(1000);
    assert.equal(worker().admits(), true);
  });

  it('leaves no open row behind when its upstream goes', () => {
    const { clock, use, remove, worker, statistics } = setup(breaker);
    const { slot } = worker().plan;
    clock.advance(1000);
    use(1, Outcome.timeout, 10);
    clock.advance(1000);
    assert.equal(statistics.upstreamBreakers.wouldAdmit(slot), false);
    remove();
    assert.equal(statistics.upstreamBreakers.wouldAdmit(slot), true);
  });

  it('does not take the coming and going of nodes for traffic', () => {
    const { clock, use, configure, worker } = setup(breaker);
    use(1, Outcome.timeout, 9);
    clock.advance(1000);
    for (const nodes of [{ '10.0.0.1:2': 1 }, NODES, { '10.0.0.1:2': 1 }, NODES]) {
      configure({ ...breaker, nodes });
      clock.advance(1000);
    }
    assert.equal(worker().admits(), true);
  });
});

describe('fail-open', () => {
  it('is reported when it begins and when it is over', () => {
    const { clock, log, statistics, worker } = setup({ nodes: NODES });
    const { table } = statistics;
    const set = (count: number, health: Health) => {
      for (const { slot } of worker().handles.slice(0, count)) table.setHealth(slot, health);
      table.bump(worker().plan.slot);
      clock.advance(1000);
    };
    set(2, Health.unhealthy);
    assert.deepEqual(log.names, []);
    set(3, Health.unhealthy);
    set(4, Health.unhealthy);
    set(3, Health.healthy);
    clock.advance(10_000);
    assert.deepEqual(log.names, ['upstream.fail-open', 'upstream.fail-open-over']);
  });
});

describe('active checks that begin and end', () => {
  const active = { type: 'tcp', gate: true } as const;

  it('a gate does not shut out the nodes that served before there were checks', () => {
    const { configure, shares, statistics, handle } = setup({ nodes: NODES });
    configure({ nodes: { ...NODES, '10.0.0.1:5': 1 }, checks: { active } });
    assert.deepEqual(shares(8), { 1: 2, 2: 2, 3: 2, 4: 2 });
    assert.equal(statistics.table.health(handle(5).slot), Health.pending);
    configure({ nodes: { ...NODES, '10.0.0.1:5': 1 }, checks: { active: { ...active, timeout: 2 } } });
    assert.deepEqual(shares(8), { 1: 2, 2: 2, 3: 2, 4: 2 });
  });

  it('leave nothing behind in the row of a node that went with its upstream and comes back without them', () => {
    const { configure, remove, shares } = setup({ nodes: NODES, checks: { active } });
    remove();
    configure({ nodes: NODES });
    assert.deepEqual(shares(8), { 1: 2, 2: 2, 3: 2, 4: 2 });
  });
});
