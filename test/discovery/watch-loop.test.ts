import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import type { HeadgateError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Gate } from '../../src/discovery/gate.ts';
import { type Answer, type Question, runWatch } from '../../src/discovery/watch-loop.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

/** A source whose answers the test gives. */
class Source implements Question<string> {
  readonly gate: Gate | null;
  readonly asked: { readonly fresh: boolean; readonly at: number; readonly signal: AbortSignal }[] = [];
  readonly delivered: string[] = [];
  readonly failed: HeadgateError[] = [];
  readonly #clock: FakeClock;
  /** What the next question gets; null leaves it hanging. */
  answer: (() => Promise<Answer<string>>) | null = null;

  constructor(clock: FakeClock, gate: Gate | null = null) {
    this.#clock = clock;
    this.gate = gate;
  }

  ask(fresh: boolean, signal: AbortSignal): Promise<Answer<string>> {
    this.asked.push({ fresh, at: this.#clock.now(), signal });
    return this.answer?.() ?? new Promise(() => {});
  }

  deadline(): number {
    return 5_000;
  }

  deliver(value: string): void {
    this.delivered.push(value);
  }

  fail(error: HeadgateError): void {
    this.failed.push(error);
  }
}

function says(value: string, pause = 0): () => Promise<Answer<string>> {
  return async () => ({ value, pause });
}

function breaks(message: string): () => Promise<Answer<string>> {
  return () => Promise.reject(new Error(message));
}

describe('the watch loop', () => {
  let clock: FakeClock;
  let source: Source;
  let abort: AbortController;
  let ended: boolean;

  function start(): Promise<void> {
    const tools = { clock, random: seededRandom(7) };
    return runWatch(source, tools, abort.signal).then(() => {
      ended = true;
    });
  }

  beforeEach(() => {
    clock = new FakeClock();
    source = new Source(clock);
    abort = new AbortController();
    ended = false;
  });

  it('asks for the whole state first, then for what is new', async () => {
    source.answer = says('a', 1000);
    void start();
    await clock.run(1000);
    assert.deepEqual(
      source.asked.map((each) => each.fresh),
      [true, false],
    );
    assert.deepEqual(source.delivered, ['a', 'a']);
    abort.abort();
  });

  it('never asks faster than ten times a second when every answer returns at once', async () => {
    source.answer = says('a');
    void start();
    await clock.run(10_000);
    assert.ok(source.asked.length <= 20 + 100 + 1, `${source.asked.length} questions in 10 s`);
    assert.ok(source.asked.length >= 100);
    abort.abort();
  });

  it('asks the next question at once after an ordinary answer', async () => {
    source.answer = says('a', 10_000);
    void start();
    await clock.run(10_000);
    assert.equal(source.asked[1]!.at - source.asked[0]!.at, 10_000);
    abort.abort();
  });

  it('goes on after failures, with growing pauses that have a bound, and asks for the whole state then', async () => {
    source.answer = breaks('down');
    void start();
    await clock.run(120_000);
    const gaps = source.asked.slice(1).map((each, index) => each.at - source.asked[index]!.at);
    assert.ok(gaps[0]! >= 400 && gaps[0]! <= 600, `${gaps[0]}`);
    assert.ok(gaps.every((gap) => gap <= 12_000));
    assert.ok(gaps.at(-1)! >= 8_000);
    assert.ok(source.asked.every((each) => each.fresh));
    assert.equal(source.failed.length, source.asked.length);
    assert.equal(source.failed[0]!.code, 'DISCOVERY_FAILED');
    source.answer = says('back', 60_000);
    await clock.run(12_000);
    assert.deepEqual(source.delivered, ['back']);
    abort.abort();
  });

  it('begins with a short pause again after a good answer', async () => {
    source.answer = breaks('down');
    void start();
    await clock.run(60_000);
    source.answer = says('back', 1_000);
    await clock.run(12_000);
    source.answer = breaks('down');
    const before = source.asked.length;
    await clock.run(1_900);
    assert.ok(source.asked.length >= before + 2);
    abort.abort();
  });

  it('gives a question that hangs up at the deadline, even one that does not heed its signal', async () => {
    void start();
    await clock.run(4_999);
    assert.equal(source.failed.length, 0);
    await clock.run(1);
    assert.equal(source.failed[0]?.code, 'DISCOVERY_TIMEOUT');
    assert.match(source.failed[0]!.message, /within 5 s/);
    assert.equal(source.asked[0]!.signal.aborted, true);
    await clock.run(1_000);
    assert.equal(source.asked.length, 2);
    abort.abort();
  });

  it('asks for the whole state every five minutes or so', async () => {
    source.answer = says('a', 1_000);
    void start();
    await clock.run(1_200_000);
    const fresh = source.asked.filter((each) => each.fresh).map((each) => each.at);
    const gaps = fresh.slice(1).map((at, index) => at - fresh[index]!);
    assert.ok(gaps.length >= 3);
    assert.ok(
      gaps.every((gap) => gap >= 270_000 && gap <= 332_000),
      gaps.join(),
    );
    abort.abort();
  });

  it('ends when it is told to and tells nobody any more, whatever it was doing', async () => {
    for (const answer of [null, says('a', 60_000), breaks('down')]) {
      source = new Source(clock);
      source.answer = answer;
      abort = new AbortController();
      ended = false;
      const run = start();
      await settle();
      const told = source.delivered.length + source.failed.length;
      abort.abort();
      await run;
      assert.ok(ended);
      assert.equal(source.delivered.length + source.failed.length, told);
      assert.equal(clock.pending, 0, 'a timer was left behind');
    }
  });

  it('leaves nothing behind on the signal, however many questions it asks', async () => {
    source.answer = says('a', 1_000);
    void start();
    await clock.run(100_000);
    source.answer = breaks('down');
    await clock.run(100_500);
    assert.ok(source.asked.length > 100);
    assert.ok(getEventListeners(abort.signal, 'abort').length <= 2);
    abort.abort();
  });

  it('asks nothing when it is told to end before it began', async () => {
    abort.abort();
    await start();
    assert.equal(source.asked.length, 0);
  });

  it('takes an answer that its receiver can not deal with for a failure', async () => {
    source.answer = says('a', 1_000);
    source.deliver = () => {
      throw new Error('no room');
    };
    void start();
    await clock.run(10);
    assert.match(source.failed[0]!.message, /no room/);
    await clock.run(1_000);
    assert.equal(source.asked.length, 2);
    abort.abort();
  });
});

describe('the gate of fresh questions', () => {
  it('lets so many in at once, and the deadline does not run while one waits', async () => {
    const clock = new FakeClock();
    const gate = new Gate(2);
    const abort = new AbortController();
    const sources = Array.from({ length: 4 }, () => new Source(clock, gate));
    const tools = { clock, random: seededRandom(1) };
    const runs = sources.map((source) => runWatch(source, tools, abort.signal));
    await settle();
    assert.deepEqual(
      sources.map((source) => source.asked.length),
      [1, 1, 0, 0],
    );
    await clock.run(5_000);
    assert.deepEqual(
      sources.map((source) => source.failed.length),
      [1, 1, 0, 0],
    );
    assert.deepEqual(
      sources.map((source) => source.asked.length),
      [1, 1, 1, 1],
    );
    abort.abort();
    await Promise.all(runs);
    assert.equal(gate.full, false);
    const again = await Promise.all([
      gate.enter(new AbortController().signal),
      gate.enter(new AbortController().signal),
    ]);
    assert.deepEqual(again, [true, true]);
  });

  it('forgets one who gave up waiting', async () => {
    const gate = new Gate(1);
    const patient = new AbortController().signal;
    await gate.enter(patient);
    const abort = new AbortController();
    const gaveUp = gate.enter(abort.signal);
    const next = gate.enter(patient);
    abort.abort();
    assert.equal(await gaveUp, false);
    gate.leave();
    assert.equal(await next, true);
    gate.leave();
    assert.equal(gate.full, false);
    assert.equal(await gate.enter(AbortSignal.abort()), false);
  });
});
