import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';

/** Runs everything that is due by `end`; counts the steps. */
function run(clock: VirtualClock, end: number): number {
  let steps = 0;
  while (clock.step(end)) steps += 1;
  return steps;
}

describe('virtual clock', () => {
  it('goes to the next task and no further, and to the end when there is none', () => {
    const clock = new VirtualClock();
    const start = clock.now();
    const seen: number[] = [];
    clock.after(30, () => seen.push(clock.now() - start));
    clock.after(10, () => seen.push(clock.now() - start));
    assert.equal(clock.step(start + 20), true);
    assert.deepEqual(seen, [10]);
    assert.equal(clock.step(start + 20), false);
    assert.equal(clock.now(), start + 20);
    assert.equal(run(clock, start + 100), 1);
    assert.deepEqual(seen, [10, 30]);
    assert.equal(clock.wall() - clock.now(), Date.UTC(2026, 0, 1));
  });

  it('runs tasks of one moment in the order in which they were given, and those of the past at once', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    for (const name of ['a', 'b', 'c']) clock.after(5, () => seen.push(name));
    clock.after(-10, () => seen.push('late'));
    run(clock, clock.now() + 5);
    assert.deepEqual(seen, ['late', 'a', 'b', 'c']);
  });

  it('leaves out what was cancelled, also by a task before it', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const second = clock.after(2, () => seen.push('second'));
    clock.after(1, () => second.cancel());
    clock.after(3, () => seen.push('third'));
    assert.equal(run(clock, clock.now() + 10), 2);
    assert.deepEqual(seen, ['third']);
  });

  it('keeps the order whatever comes and goes', () => {
    const task = fc.record({ at: fc.nat(50), more: fc.option(fc.nat(50)), cancelled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(task, { maxLength: 60 }), (tasks) => {
        const clock = new VirtualClock();
        const start = clock.now();
        const seen: number[] = [];
        for (const { at, more, cancelled } of tasks) {
          const timer = clock.after(at, () => {
            seen.push(clock.now() - start);
            if (more !== null) clock.after(more, () => seen.push(clock.now() - start));
          });
          if (cancelled) timer.cancel();
        }
        run(clock, start + 200);
        const expected = tasks
          .filter(({ cancelled }) => !cancelled)
          .flatMap(({ at, more }) => (more === null ? [at] : [at, at + more]))
          .sort((a, b) => a - b);
        assert.deepEqual(seen, expected);
      }),
    );
  });
});
