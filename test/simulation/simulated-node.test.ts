import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcome } from '../../src/balancers/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Behaviour, SimulatedNode } from '../../src/simulation/simulated-node.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';

const WELL: Behaviour = {
  latency: { median: 10, p99: 10 },
  capacity: Number.POSITIVE_INFINITY,
  fail: null,
  warmUp: null,
};
const PATIENCE = { connect: 50, answer: 105 };

/** Sends `count` requests at once; returns when each ended, and how. */
function serve(behaviour: Partial<Behaviour>, count = 1, node = new SimulatedNode('n', { ...WELL, ...behaviour })) {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const ends: (readonly [number, Outcome])[] = [];
  const start = clock.now();
  for (let request = 0; request < count; request++) {
    node.serve(clock, random, PATIENCE, ({ outcome }) => ends.push([Math.round(clock.now() - start), outcome]));
  }
  while (clock.step(start + 100_000));
  return ends;
}

describe('simulated node', () => {
  it('answers after its latency', () => {
    assert.deepEqual(serve({}), [[10, Outcome.success]]);
  });

  it('serves as many at once as it has capacity for, in order, and the gateway waits no longer than it would', () => {
    assert.deepEqual(
      serve({ capacity: 2 }, 5).map(([at]) => at),
      [10, 10, 20, 20, 30],
    );
    const ends = serve({ capacity: 1 }, 15);
    assert.deepEqual(ends.filter(([, outcome]) => outcome === Outcome.success).length, 10);
    assert.deepEqual(ends.slice(10), Array(5).fill([105, Outcome.timeout]));
  });

  it('works off what was given up, and takes up what waits when it gets room', () => {
    const node = new SimulatedNode('n', { ...WELL, capacity: 1 });
    const clock = new VirtualClock();
    const start = clock.now();
    const ends: number[] = [];
    const ask = () => node.serve(clock, seededRandom(1), PATIENCE, () => ends.push(clock.now() - start));
    for (let request = 0; request < 15; request++) ask();
    clock.after(101, ask);
    clock.after(111, () => (node.behaviour.capacity = 10));
    while (clock.step(start + 1000));
    assert.equal(ends.at(-1), 130, 'four given up were before it at 111, and then all have room from 120 on');
  });

  it('fails in each way as it is told', () => {
    const fail = (kind: NonNullable<Behaviour['fail']>['kind']) => serve({ fail: { kind, ratio: 1 } })[0];
    assert.deepEqual(fail('error'), [10, Outcome.serverError]);
    assert.deepEqual(fail('refuse'), [0, Outcome.connectFailure]);
    assert.deepEqual(fail('unreachable'), [50, Outcome.connectFailure]);
    assert.deepEqual(fail('timeout'), [105, Outcome.timeout]);
    assert.deepEqual(fail('reset'), [10, Outcome.reset]);
    const some = serve({ fail: { kind: 'error', ratio: 0.3 } }, 1000);
    const failed = some.filter(([, outcome]) => outcome === Outcome.serverError).length;
    assert.ok(failed > 250 && failed < 350, `${failed} of 1000`);
  });

  it('is slower at first after a start, and warm when it is built', () => {
    const node = new SimulatedNode('n', { ...WELL, warmUp: { requests: 2, factor: 5 } });
    assert.deepEqual(serve({}, 1, node)[0]?.[0], 10);
    node.restart();
    assert.deepEqual(
      [1, 2, 3].map(() => serve({}, 1, node)[0]?.[0]),
      [50, 30, 10],
    );
  });

  it('is told by checks as far as they look', () => {
    const check = (fail: Behaviour['fail'], http: boolean) => {
      const clock = new VirtualClock();
      let verdict = 'none';
      new SimulatedNode('n', { ...WELL, fail }).check(
        clock,
        seededRandom(1),
        http,
        (result) => (verdict = result.verdict),
      );
      while (clock.step(clock.now() + 1000));
      return verdict;
    };
    assert.deepEqual([check(null, true), check(null, false)], ['success', 'success']);
    assert.deepEqual(
      [check({ kind: 'error', ratio: 1 }, true), check({ kind: 'error', ratio: 1 }, false)],
      ['status', 'success'],
    );
    assert.deepEqual(
      [check({ kind: 'reset', ratio: 1 }, true), check({ kind: 'reset', ratio: 1 }, false)],
      ['tcp', 'success'],
    );
    assert.deepEqual(
      [check({ kind: 'refuse', ratio: 1 }, true), check({ kind: 'refuse', ratio: 1 }, false)],
      ['tcp', 'tcp'],
    );
    assert.deepEqual(
      [check({ kind: 'timeout', ratio: 1 }, true), check({ kind: 'timeout', ratio: 1 }, false)],
      ['none', 'success'],
    );
    assert.equal(check({ kind: 'unreachable', ratio: 1 }, false), 'none');
  });
});
