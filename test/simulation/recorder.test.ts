import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FairShare } from '../../src/simulation/fair-share.ts';
import { Recorder } from '../../src/simulation/recorder.ts';
import { within } from './play.ts';

describe('recorder', () => {
  it('gives percentiles exact to a twentieth, of all and of each second', () => {
    const record = new Recorder();
    for (let time = 1; time <= 1000; time++) record.ended(0, time, null);
    record.ended(2500, 2507, null);
    assert.ok(within(record.percentile(0.5) / 500, 1, 1.05));
    assert.ok(within(record.percentile(0.99) / 990, 1, 1.05));
    const seconds = record.percentiles(0.99);
    assert.equal(seconds.length, 3);
    assert.equal(seconds[1], 0);
    assert.ok(within(seconds[2]! / 7, 1, 1.05));
    assert.equal(new Recorder().percentile(0.5), 0);
  });

  it('counts failures by kind, and knows the last', () => {
    const record = new Recorder();
    record.ended(0, 10, 'timeout');
    record.ended(5, 20, 'answer');
    record.ended(5, 30, null);
    assert.deepEqual([record.requests, record.failed, record.failures.timeout, record.lastFailureAt], [3, 2, 1, 20]);
  });

  it('counts picks by moment, and those of nodes that are known to be dead', () => {
    const record = new Recorder();
    record.picked('a', 100, null);
    record.picked('a', 450, 0);
    record.picked('a', 1500, 400);
    assert.deepEqual([record.picksOf('a', 0, 200), record.picksOf('a', 0, 2000), record.wrong], [1, 3, 1]);
    assert.equal(record.picksOf('b', 0, 2000), 0);
  });

  it('knows which keys moved', () => {
    const record = new Recorder();
    for (const node of ['a', 'a', 'b', 'b', 'a']) record.keyed(1, node);
    record.keyed(2, 'b');
    assert.deepEqual([record.moved, record.repeated], [2, 4]);
  });
});

describe('fair share', () => {
  it('follows weights, and counts only while a node is there', () => {
    const fair = new FairShare();
    const picks = (count: number) => {
      for (let pick = 0; pick < count; pick++) fair.picked();
    };
    fair.setNodes([
      { host: 'a', weight: 3 },
      { host: 'b', weight: 1 },
    ]);
    picks(40);
    fair.setNodes([{ host: 'a', weight: 3 }]);
    picks(10);
    fair.setNodes([{ host: 'a', weight: 0 }]);
    picks(5);
    assert.deepEqual(
      [...fair.expected()],
      [
        ['a', 40],
        ['b', 10],
      ],
    );
  });
});
