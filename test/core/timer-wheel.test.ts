import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TimerWheel, WheelTimer } from '../../src/core/timer-wheel.ts';
import { FakeClock } from '../support/fake-clock.ts';

const TICK = 100;

/** A timer that writes down when it fired. */
function recorder(clock: FakeClock, fired: number[]): WheelTimer {
  return new WheelTimer(() => fired.push(clock.now()));
}

function setup() {
  const clock = new FakeClock(0);
  const fired: number[] = [];
  return { clock, fired, wheel: new TimerWheel(clock, TICK), timer: recorder(clock, fired) };
}

describe('timer wheel', () => {
  for (const ms of [1, 100, 101, 950, 30_000, 51_100, 51_200, 60_000, 3_600_000]) {
    it(`fires a deadline of ${ms} ms once, never early and at most two ticks late`, () => {
      const { clock, fired, wheel, timer } = setup();
      wheel.arm(timer, ms);
      clock.advance(ms + 3 * TICK);
      assert.equal(fired.length, 1);
      assert.ok(fired[0]! >= ms && fired[0]! <= ms + 2 * TICK, `fired after ${fired[0]} ms`);
      clock.advance(200_000);
      assert.equal(fired.length, 1);
    });
  }

  it('fires no timer that was disarmed or removed', () => {
    const { clock, fired, wheel, timer } = setup();
    const other = recorder(clock, fired);
    wheel.arm(timer, 500);
    wheel.arm(other, 500);
    wheel.disarm(timer);
    wheel.remove(other);
    assert.equal(wheel.size, 1);
    clock.advance(2000);
    assert.deepEqual(fired, []);
    assert.equal(wheel.size, 0);
  });

  it('takes 0 as no deadline', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(timer, 500);
    wheel.arm(timer, 0);
    clock.advance(2000);
    assert.deepEqual(fired, []);
  });

  it('moves a deadline back and forward', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(timer, 500);
    clock.advance(400);
    wheel.arm(timer, 5000);
    clock.advance(4900);
    assert.deepEqual(fired, []);
    wheel.arm(timer, 200);
    clock.advance(400);
    assert.equal(fired.length, 1);
    assert.equal(wheel.size, 0);
  });

  it('arms again a timer that was disarmed, while it still stands in its old place', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(timer, 500);
    wheel.disarm(timer);
    wheel.arm(timer, 300);
    clock.advance(600);
    assert.equal(fired.length, 1);
  });

  it('needs no system timer while nothing is armed', () => {
    const { clock, wheel, timer } = setup();
    assert.equal(clock.pending, 0);
    wheel.arm(timer, 500);
    wheel.arm(new WheelTimer(() => {}), 500);
    assert.equal(clock.pending, 1);
    clock.advance(2000);
    assert.equal(clock.pending, 0);
    clock.advance(3_000_000);
    wheel.arm(timer, 500);
    clock.advance(2000);
    assert.equal(clock.pending, 0);
  });

  it('counts from the moment of arming after a long idle time', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(timer, 100);
    clock.advance(1_000_000);
    wheel.arm(timer, 1000);
    clock.advance(1300);
    assert.ok(fired[1]! >= 1_001_000 && fired[1]! <= 1_001_200, `fired at ${fired[1]}`);
  });

  it('lets a callback arm its own timer again', () => {
    const { clock, fired, wheel } = setup();
    const timer = new WheelTimer(() => {
      fired.push(clock.now());
      if (fired.length < 3) wheel.arm(timer, 1000);
    });
    wheel.arm(timer, 1000);
    clock.advance(10_000);
    assert.equal(fired.length, 3);
    assert.ok(fired[1]! - fired[0]! >= 1000 && fired[2]! - fired[1]! >= 1000, String(fired));
    assert.equal(wheel.size, 0);
  });

  it('lets a callback remove, disarm or push back a neighbour that is due at the same time', () => {
    for (const action of ['remove', 'disarm', 'arm'] as const) {
      for (const order of ['before', 'after']) {
        const { clock, fired, wheel, timer: victim } = setup();
        let acted = 0;
        const actor = new WheelTimer(() => {
          acted = clock.now();
          wheel[action](victim, 1000);
        });
        for (const timer of order === 'before' ? [actor, victim] : [victim, actor]) wheel.arm(timer, 500);
        clock.advance(5000);
        assert.ok(acted > 0);
        const firedFirst = fired[0] === acted;
        if (action === 'arm') assert.equal(fired.length, firedFirst ? 2 : 1, `${action} ${order}`);
        else assert.equal(fired.length, firedFirst ? 1 : 0, `${action} ${order}`);
        assert.ok(firedFirst || fired.every((at) => at >= acted + 1000));
      }
    }
  });

  it('lets a callback remove every other timer of its bucket', () => {
    const { clock, wheel } = setup();
    let fired = 0;
    const timers: WheelTimer[] = Array.from({ length: 50 }, () => {
      return new WheelTimer(() => {
        fired += 1;
        for (const timer of timers) wheel.remove(timer);
      });
    });
    for (const timer of timers) wheel.arm(timer, 300);
    clock.advance(1000);
    assert.equal(fired, 1);
    assert.equal(wheel.size, 0);
  });

  it('goes on after a callback that threw', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(
      new WheelTimer(() => {
        throw new Error('a bug');
      }),
      300,
    );
    wheel.arm(timer, 700);
    assert.throws(() => clock.advance(1000), /a bug/);
    clock.advance(1000);
    assert.equal(fired.length, 1);
  });

  it('does nothing after close', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(timer, 500);
    wheel.close();
    wheel.arm(recorder(clock, fired), 100);
    clock.advance(10_000);
    assert.deepEqual(fired, []);
    assert.equal(clock.pending, 0);
  });

  it('may be closed from a callback', () => {
    const { clock, fired, wheel, timer } = setup();
    wheel.arm(new WheelTimer(() => wheel.close()), 300);
    wheel.arm(timer, 700);
    clock.advance(10_000);
    assert.deepEqual(fired, []);
    assert.equal(clock.pending, 0);
  });
});

/** A clock whose owner can be held up: time passes, and no timer runs until it goes on. */
class StallingClock extends FakeClock {
  #stalled = 0;

  override now(): number {
    return super.now() + this.#stalled;
  }

  stall(ms: number): void {
    this.#stalled += ms;
  }
}

describe('timer wheel: an event loop that stands still', () => {
  for (const stall of [1000, 300_000]) {
    it(`for ${stall} ms makes deadlines late by that much, and none early`, () => {
      const clock = new StallingClock(0);
      const wheel = new TimerWheel(clock, TICK);
      const fired = new Map<string, number>();
      const timer = (name: string) => new WheelTimer(() => fired.set(name, clock.now()));
      wheel.arm(timer('armed before'), 2000);
      clock.advance(1000);
      clock.stall(stall);
      wheel.arm(timer('armed at the end of the stall'), 500);
      clock.advance(TICK);
      assert.deepEqual([...fired.keys()], [], 'nothing fires before the loop had a turn to read what arrived');
      clock.advance(3000);
      const end = 1000 + stall;
      const before = fired.get('armed before')!;
      const after = fired.get('armed at the end of the stall')!;
      assert.ok(before >= 2000 && before <= 2000 + stall + 2 * TICK, `${before}`);
      assert.ok(after >= end + 500 && after <= end + 500 + 2 * TICK, `${after}`);
    });
  }
});

type Step =
  | { kind: 'arm'; timer: number; ms: number }
  | { kind: 'disarm' | 'remove'; timer: number }
  | { kind: 'wait'; ms: number };

describe('timer wheel: against a naive model', () => {
  const index = fc.nat(7);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant('arm' as const), timer: index, ms: fc.integer({ min: 1, max: 70_000 }) }),
    fc.record({ kind: fc.constant('arm' as const), timer: index, ms: fc.integer({ min: 1, max: 1500 }) }),
    fc.record({ kind: fc.constantFrom('disarm' as const, 'remove' as const), timer: index }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 700 }) }),
  );

  it('fires exactly the deadlines that stand, each within its two ticks', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const clock = new FakeClock(0);
        const wheel = new TimerWheel(clock, TICK);
        const deadlines: (number | null)[] = Array.from({ length: 8 }, () => null);
        const timers = deadlines.map((_, index) => {
          return new WheelTimer(() => {
            const deadline = deadlines[index]!;
            assert.notEqual(deadline, null, `timer ${index} fired without a deadline`);
            assert.ok(clock.now() >= deadline, `timer ${index} fired ${deadline - clock.now()} ms early`);
            assert.ok(clock.now() <= deadline + 2 * TICK, `timer ${index} fired ${clock.now() - deadline} ms late`);
            deadlines[index] = null;
          });
        });
        const pass = (ms: number) => {
          clock.advance(ms);
          for (const deadline of deadlines) assert.ok(deadline === null || deadline + 2 * TICK >= clock.now());
        };
        for (const step of steps) {
          if (step.kind === 'wait') {
            pass(step.ms);
          } else if (step.kind === 'arm') {
            wheel.arm(timers[step.timer]!, step.ms);
            deadlines[step.timer] = clock.now() + step.ms;
          } else {
            wheel[step.kind](timers[step.timer]!);
            deadlines[step.timer] = null;
          }
        }
        pass(80_000);
        assert.equal(wheel.size, 0);
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 200 },
    );
  });
});
