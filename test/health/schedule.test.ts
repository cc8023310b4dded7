import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../src/core/random.ts';
import { Schedule } from '../../src/health/schedule.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Entry {
  due = 0;
  place = -1;
  ranAt: number[] = [];
}

function setup() {
  const clock = new FakeClock(0);
  const schedule = new Schedule<Entry>(clock, (entry) => entry.ranAt.push(clock.now()));
  return { clock, schedule };
}

describe('schedule', () => {
  it('runs every entry once, when it is due, unless it was removed', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), index: fc.nat(30), ms: fc.nat(5000) }),
      fc.record({ kind: fc.constant('remove' as const), index: fc.nat(30), ms: fc.constant(0) }),
      fc.record({ kind: fc.constant('wait' as const), index: fc.constant(0), ms: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { clock, schedule } = setup();
        const entries = Array.from({ length: 31 }, () => new Entry());
        const expected = entries.map((): number[] => []);
        const pending = new Map<number, number>();
        const settleUntil = (now: number) => {
          for (const [index, due] of pending) {
            if (due > now) continue;
            expected[index]!.push(due);
            pending.delete(index);
          }
        };
        for (const { kind, index, ms } of steps) {
          if (kind === 'wait') {
            // Far enough that nothing is still held back by the grain.
            clock.advance(ms + 10);
            settleUntil(clock.now() - 10);
          }
          const entry = entries[index]!;
          const waits = entry.place >= 0;
          if (kind === 'add' && !waits && !pending.has(index)) {
            schedule.add(entry, clock.now() + ms);
            pending.set(index, clock.now() + ms);
          } else if (kind === 'remove' && waits) {
            schedule.remove(entry);
            pending.delete(index);
          }
        }
        clock.advance(10_000);
        settleUntil(clock.now());
        entries.forEach((entry, index) => {
          assert.equal(entry.ranAt.length, expected[index]!.length);
          entry.ranAt.forEach((at, run) => {
            const due = expected[index]![run]!;
            assert.ok(at >= due && at <= due + 10, `due at ${due}, ran at ${at}`);
          });
        });
        assert.equal(schedule.size, 0);
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps its order when many are removed from its midst', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 20; round++) {
      const { clock, schedule } = setup();
      const entries = Array.from({ length: 300 }, () => new Entry());
      for (const entry of entries) schedule.add(entry, 100 * (1 + random.below(1000)));
      const removed = new Set(entries.filter(() => random.below(3) > 0));
      for (const entry of removed) schedule.remove(entry);
      clock.advance(200_000);
      for (const entry of entries) assert.deepEqual(entry.ranAt, removed.has(entry) ? [] : [entry.due]);
    }
  });

  it('lets an entry add itself again, due at once, without a spin', () => {
    const clock = new FakeClock(0);
    let runs = 0;
    const schedule: Schedule<Entry> = new Schedule(clock, (entry) => {
      runs += 1;
      schedule.add(entry, clock.now() + 1);
    });
    schedule.add(new Entry(), 0);
    clock.advance(100);
    assert.ok(runs >= 10 && runs <= 21, `${runs} runs in 100 ms`);
    schedule.clear();
    assert.equal(clock.pending, 0);
  });

  it('runs nothing after it was cleared, and can be used again', () => {
    const { clock, schedule } = setup();
    const entry = new Entry();
    schedule.add(entry, 100);
    schedule.clear();
    clock.advance(1000);
    assert.deepEqual(entry.ranAt, []);
    schedule.add(entry, 1100);
    clock.advance(1000);
    assert.deepEqual(entry.ranAt, [1100]);
  });
});
