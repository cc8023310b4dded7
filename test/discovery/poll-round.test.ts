import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { Gate } from '../../src/discovery/gate.ts';
import { PollRound } from '../../src/discovery/poll-round.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

class Stage {
  readonly clock = new FakeClock();
  readonly asked: number[] = [];
  readonly round: PollRound;
  readonly #abort = new AbortController();
  readonly #following: Promise<void>[] = [];

  constructor(interval: number, rate: number, places = 4) {
    this.round = new PollRound(
      { interval, rate, gate: new Gate(places) },
      { clock: this.clock, random: seededRandom(1) },
    );
  }

  add(members: number, poll: (member: number) => Promise<void> = () => Promise.resolve()): void {
    for (let member = 0; member < members; member++) {
      const ask = () => {
        this.asked.push(member);
        return poll(member);
      };
      this.#following.push(this.round.follow(ask, this.#abort.signal));
    }
  }

  async end(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#following);
    await settle();
    assert.equal(this.clock.pending, 0);
  }
}

describe('a round of polls', () => {
  it('asks each at once, then all in turn within the interval', async () => {
    const stage = new Stage(1_000, 100);
    stage.add(5);
    await settle();
    assert.deepEqual(stage.asked.splice(0), [0, 1, 2, 3, 4]);
    await stage.clock.run(10_000);
    assert.deepEqual(stage.asked.slice(0, 7), [0, 1, 2, 3, 4, 0, 1]);
    // The first pause was as long as for one member.
    assert.ok(stage.asked.length >= 41 && stage.asked.length <= 51, String(stage.asked.length));
    await stage.end();
  });

  it('is never faster than the rate, however many there are', async () => {
    const stage = new Stage(1_000, 10);
    stage.add(100);
    await stage.clock.run(1_000);
    stage.asked.length = 0;
    await stage.clock.run(20_000);
    assert.ok(stage.asked.length >= 180 && stage.asked.length <= 222, String(stage.asked.length));
    assert.equal(new Set(stage.asked).size, 100);
    await stage.end();
  });

  it('leaves out one that is slow to answer, and asks the others', async () => {
    const stage = new Stage(1_000, 100);
    let slow: () => void = () => {};
    stage.add(3, (member) => (member === 1 ? new Promise((resolve) => (slow = resolve)) : Promise.resolve()));
    await stage.clock.run(5_000);
    assert.equal(stage.asked.filter((member) => member === 1).length, 1);
    assert.ok(stage.asked.filter((member) => member === 2).length > 2);
    slow();
    await settle();
    slow();
    await stage.clock.run(2_000);
    assert.ok(stage.asked.filter((member) => member === 1).length > 1);
    slow();
    await stage.end();
  });

  it('keeps within the places of its gate', async () => {
    const stage = new Stage(1_000, 100, 2);
    const waiting: (() => void)[] = [];
    stage.add(5, () => new Promise((resolve) => waiting.push(resolve)));
    await settle();
    assert.equal(waiting.length, 2);
    waiting.pop()!();
    await settle();
    assert.equal(stage.asked.length, 3);
    for (let done = waiting.pop(); done; done = waiting.pop()) {
      done();
      await settle();
    }
    await stage.end();
  });
});
