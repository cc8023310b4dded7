import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OutlierDetector } from '../../../src/health/outliers/detector.ts';
import type { OutlierEvent, OutlierPlan } from '../../../src/health/outliers/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const PLAN: OutlierPlan = {
  shadow: false,
  failureRatio: null,
  successRate: null,
  windowMs: 10_000,
  ejection: { baseMs: 30_000, maxMs: 100_000, maxShare: 0.3 },
};

/** A detector over nodes with slots 0 to n - 1, whose uses the test counts. Spread 0.5: ejections last as they say. */
function setup(size: number, plan: Partial<OutlierPlan> = {}) {
  const clock = new FakeClock();
  const uses = Array.from({ length: size }, () => ({ total: 0, failed: 0 }));
  const out = new Map<number, number>();
  const events: OutlierEvent[] = [];
  const detector = new OutlierDetector({
    clock,
    random: { next: () => 0.5, below: () => 0 },
    counts: (slot) => ({ ...uses[slot]! }),
    eject: (_, slot, until) => void out.set(slot, until - clock.now()),
    reinstate: (_, slot) => void out.delete(slot),
    report: (event) => void events.push(event),
  });
  const track = (count = size, changed: Partial<OutlierPlan> = plan) => {
    const nodes = Array.from({ length: count }, (_, slot) => ({ key: `u|n:${slot}`, slot }));
    detector.track([{ id: 'u', plan: { ...PLAN, ...changed }, nodes }]);
  };
  track();
  const use = (slot: number, total: number, failed: number) => {
    uses[slot]!.total += total;
    uses[slot]!.failed += failed;
  };
  const kinds = () => events.map(({ kind, key }) => `${kind} ${key.slice(4)}`);
  return { clock, detector, out, events, track, use, kinds };
}

describe('outlier detector: runs of failures', () => {
  it('ejects the node for the base time, and reports why', () => {
    const { detector, out, events } = setup(4);
    detector.streak(1, '5 timeouts in a row');
    assert.deepEqual([...out], [[1, 30_000]]);
    assert.deepEqual(events, [
      { kind: 'ejected', group: 'u', key: 'u|n:1', reason: '5 timeouts in a row', forMs: 30_000 },
    ]);
    assert.equal(detector.ejection('u|n:1')?.times, 1);
    assert.equal(detector.ejection('u|n:0'), null);
  });

  it('leaves a node alone for longer each time its trial fails, up to the cap', () => {
    const { clock, detector, out } = setup(4);
    detector.streak(1, 'x');
    const lasted = [out.get(1)];
    for (let trial = 0; trial < 4; trial++) {
      clock.advance(out.get(1)!);
      detector.relapsed(1);
      lasted.push(out.get(1));
    }
    assert.deepEqual(lasted, [30_000, 60_000, 90_000, 100_000, 100_000]);
    detector.recovered(1, 'answered');
    assert.deepEqual([...out], []);
  });

  it('counts down with time in which the node was well', () => {
    const { clock, detector, out } = setup(4);
    const round = (well: number) => {
      detector.streak(1, 'x');
      const lasted = out.get(1);
      detector.recovered(1, 'answered');
      clock.advance(well);
      return lasted;
    };
    assert.deepEqual([round(1000), round(1000), round(65_000), round(0)], [30_000, 60_000, 90_000, 60_000]);
  });

  it('ejects no more than its share at once, but always one, and says that it did not', () => {
    const { detector, out, kinds } = setup(7);
    for (const slot of [0, 1, 2]) detector.streak(slot, 'x');
    assert.deepEqual([...out.keys()], [0, 1], '30 % of 7');
    assert.deepEqual(kinds().at(-1), 'capped 2');
    detector.recovered(0, 'answered');
    detector.streak(2, 'x');
    assert.deepEqual([...out.keys()], [1, 2]);
    const two = setup(2);
    two.detector.streak(0, 'x');
    assert.deepEqual([...two.out.keys()], [0]);
  });

  it('never ejects the only node', () => {
    const { detector, out, kinds } = setup(1);
    detector.streak(0, 'x');
    assert.deepEqual([[...out], kinds()], [[], ['capped 0']]);
  });

  it('only reports in shadow mode', () => {
    const { detector, out, kinds } = setup(4, { shadow: true });
    detector.streak(1, 'x');
    assert.deepEqual([[...out], kinds()], [[], ['shadow 1']]);
  });

  it('says that it spares a node once for the time that it would be out, however often that fails', () => {
    const { clock, detector, kinds } = setup(1);
    for (let failure = 0; failure < 50; failure++) detector.streak(0, 'x');
    assert.deepEqual(kinds(), ['capped 0']);
    clock.advance(30_000);
    for (let failure = 0; failure < 50; failure++) detector.streak(0, 'x');
    assert.deepEqual(kinds(), ['capped 0', 'capped 0']);
    const shadow = setup(4, { shadow: true });
    for (let failure = 0; failure < 50; failure++) shadow.detector.streak(1, 'x');
    assert.deepEqual(shadow.kinds(), ['shadow 1']);
  });

  it('hears nothing of a node twice, nor of one that it does not know', () => {
    const { detector, kinds } = setup(4);
    detector.streak(1, 'x');
    detector.streak(1, 'x');
    detector.streak(99, 'x');
    detector.recovered(2, 'x');
    detector.relapsed(2);
    assert.deepEqual(kinds(), ['ejected 1']);
  });
});

describe('outlier detector: failure ratio', () => {
  const ratio = { failureRatio: { threshold: 0.5, minRequests: 20 } };

  it('ejects at the threshold, with enough requests in the window', () => {
    const { clock, use, kinds, events } = setup(4, ratio);
    clock.advance(1000);
    use(0, 19, 19);
    use(1, 20, 10);
    use(2, 200, 99);
    clock.advance(1000);
    assert.deepEqual(kinds(), ['ejected 1']);
    assert.equal(events[0]!.reason, '10 of 20 failed');
  });

  it('looks at the window alone: what was long ago counts for nothing, good or bad', () => {
    const { clock, use, kinds } = setup(4, ratio);
    clock.advance(1000);
    use(0, 100_000, 0);
    clock.advance(12_000);
    use(0, 20, 20);
    clock.advance(1000);
    assert.deepEqual(kinds(), ['ejected 0']);
    const old = setup(4, ratio);
    old.clock.advance(1000);
    old.use(0, 15, 15);
    old.clock.advance(12_000);
    old.use(0, 15, 15);
    old.clock.advance(1000);
    assert.deepEqual(old.kinds(), []);
  });

  it('begins anew when the node is back', () => {
    const { clock, use, kinds, detector } = setup(4, ratio);
    clock.advance(1000);
    use(0, 40, 40);
    clock.advance(1000);
    detector.recovered(0, 'answered');
    use(0, 5, 0);
    clock.advance(3000);
    assert.deepEqual(kinds(), ['ejected 0', 'reinstated 0']);
  });
});

describe('outlier detector: success rate', () => {
  const rate = { successRate: { factor: 1.9, minRequests: 100, minNodes: 5 } };

  function run(failed: readonly number[], total = 100) {
    const { clock, use, kinds } = setup(failed.length, rate);
    clock.advance(1000);
    failed.forEach((count, slot) => void use(slot, total, count));
    clock.advance(1000);
    return kinds();
  }

  it('ejects a node far below the mean of its peers', () => {
    assert.deepEqual(run([2, 1, 0, 3, 40, 1]), ['ejected 4']);
    assert.deepEqual(run([2, 1, 0, 3, 4, 1]), [], 'all are well');
    assert.deepEqual(run([0, 0, 0, 0, 0, 0, 0, 0, 0, 4]), [], 'far from the others in deviations, but not in fact');
    assert.deepEqual(run([50, 50, 50, 50, 50, 50]), [], 'all are equally bad: nobody is an outlier');
  });

  it('compares only where there is enough to compare', () => {
    assert.deepEqual(run([2, 1, 0, 40]), []);
    assert.deepEqual(run([2, 1, 0, 3, 40, 1], 99), []);
  });
});

describe('outlier detector: membership', () => {
  it('keeps what it knows of nodes that stay, and forgets those that leave', () => {
    const { detector, out, track } = setup(4);
    detector.streak(1, 'x');
    detector.streak(3, 'x');
    track(4);
    assert.equal(detector.ejection('u|n:1')?.times, 1);
    track(1);
    assert.deepEqual([detector.ejection('u|n:1'), [...out]], [null, []]);
    track(4);
    assert.equal(detector.ejection('u|n:1'), null);
  });

  it('samples only where ratios are asked for, and stops with the upstream', () => {
    const { clock, detector, track } = setup(4);
    assert.equal(clock.pending, 0);
    track(4, { failureRatio: { threshold: 0.5, minRequests: 1 } });
    assert.equal(clock.pending, 1);
    track(4, {});
    assert.equal(clock.pending, 0);
    track(4, { failureRatio: { threshold: 0.5, minRequests: 1 } });
    detector.track([]);
    assert.equal(clock.pending, 0);
    track(4, { failureRatio: { threshold: 0.5, minRequests: 1 } });
    detector.close();
    assert.equal(clock.pending, 0);
  });
});
