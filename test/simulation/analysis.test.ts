import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reactions, sharesOf, summarised, unfairness } from '../../src/simulation/analysis.ts';
import { Fleet } from '../../src/simulation/fleet.ts';
import { Recorder } from '../../src/simulation/recorder.ts';
import type { Run } from '../../src/simulation/run.ts';
import { RunLog } from '../../src/simulation/run-log.ts';
import type { Scenario, ScenarioEvent } from '../../src/simulation/scenario.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';

const START = 1000;

/** A run of which the test says itself who was picked: `picks` of each node in each tenth of a second. */
function recorded(scenario: Scenario, picks: (node: string, at: number) => number): Run {
  const record = new Recorder();
  const fleet = new Fleet(scenario, START);
  record.fairShare.setNodes(fleet.nodes());
  for (const event of scenario.events ?? []) fleet.change(event, START + event.at * 1000);
  for (let at = 0; at < scenario.duration * 1000; at += 100) {
    for (const name of fleet.names) {
      for (let pick = 0; pick < picks(name, at); pick++) record.picked(name, at, null);
    }
  }
  const log = new RunLog(new VirtualClock(), () => 0);
  return { label: 'made up', start: START, record, fleet, log, inflightLeft: 0 };
}

function scenario(events: ScenarioEvent[], weight = 1): Scenario {
  return {
    duration: 20,
    rate: 1,
    nodes: [
      { name: 'web', count: 3 },
      { name: 'odd', weight },
    ],
    events,
  };
}

const fail = { kind: 'error' } as const;
const bad = (at: number): ScenarioEvent => ({ at, node: 'odd', fail });
const well = (at: number): ScenarioEvent => ({ at, node: 'odd', fail: null });

describe('analysis', () => {
  it('gives the shares of all picks', () => {
    const run = recorded(scenario([]), (node) => (node === 'odd' ? 1 : 3));
    assert.deepEqual(
      [...sharesOf(run)],
      [
        ['web-1', 0.3],
        ['web-2', 0.3],
        ['web-3', 0.3],
        ['odd', 0.1],
      ],
    );
  });

  it('tells how unfair it was among peers to which nothing happened, by weight', () => {
    const exact = scenario([], 2);
    assert.equal(
      unfairness(
        recorded(exact, (node) => (node === 'odd' ? 2 : 1)),
        exact,
      ),
      0,
    );
    assert.ok(
      Math.abs(
        unfairness(
          recorded(exact, () => 1),
          exact,
        ) - 0.375,
      ) < 1e-9,
      'odd has 1/4 where 2/5 is fair',
    );
    const touched = scenario([bad(5)]);
    assert.equal(
      unfairness(
        recorded(touched, (node) => (node === 'odd' ? 9 : 1)),
        touched,
      ),
      0,
    );
    const zones: Scenario = {
      ...{ duration: 2, rate: 1 },
      nodes: [
        { name: 'near', count: 2, metadata: { zone: 'a' } },
        { name: 'far', count: 2, metadata: { zone: 'b' } },
      ],
    };
    assert.equal(
      unfairness(
        recorded(zones, (node) => (node.startsWith('near') ? 5 : 1)),
        zones,
      ),
      0,
    );
  });

  it('finds when traffic left a node and came back', () => {
    const given = scenario([bad(5), well(10)]);
    const run = recorded(given, (node, at) => (node === 'odd' && at >= 6000 && at < 12_000 ? 0 : 2));
    assert.deepEqual(
      reactions(run, given).map(({ kind, at, after }) => [kind, at, after]),
      [
        ['left', 5, 0.8],
        ['back', 10, 1.6],
      ],
    );
  });

  it('says when it never did, and leaves out what did not last', () => {
    const given = scenario([bad(5), well(10), bad(12), well(12.5)]);
    const found = reactions(
      recorded(given, () => 2),
      given,
    );
    assert.deepEqual(
      found.map(({ kind, at, after }) => [kind, at, after]),
      [
        ['left', 5, null],
        ['back', 10, 0],
        ['back', 12.5, 0.1],
      ],
    );
    assert.deepEqual(summarised(found), [
      { cause: 'odd', kind: 'left', at: 5, count: 1, slowest: null, missed: 1 },
      { cause: 'odd', kind: 'back', at: 10, count: 2, slowest: 0.1, missed: 0 },
    ]);
  });

  it('counts a node by its weight', () => {
    const given = scenario([bad(5)], 10);
    const run = recorded(given, (node, at) => (node === 'odd' ? (at < 5000 ? 10 : 1) : 1));
    assert.equal(reactions(run, given)[0]?.after, 0, 'as much as the others, and ten times their weight');
  });

  it('takes a slower node for a worse one, and a faster one than given for well', () => {
    const given = scenario([
      { at: 2, node: 'odd', latency: { median: 50 } },
      { at: 6, node: 'odd', latency: { median: 10 } },
      { at: 10, node: 'odd', latency: { median: 5 } },
      { at: 14, node: 'odd', action: 'remove' },
    ]);
    const run = recorded(given, () => 1);
    assert.deepEqual(
      run.fleet.transitions.map(({ at, isWell }) => [at - START, isWell]),
      [
        [2000, false],
        [6000, true],
        [14_000, false],
      ],
    );
  });
});
