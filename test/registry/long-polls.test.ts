import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { LongPolls } from '../../src/registry/long-polls.ts';
import { RequestError } from '../../src/registry/request-error.ts';
import { Topics } from '../../src/registry/topics.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const topics = new Topics(100);
  return { clock, topics, polls: new LongPolls(topics, clock, seededRandom(1)), gone: new AbortController() };
}

/** Whether a promise has settled once everything that can has. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await settle();
  return done;
}

test('there is no wait without an index, with an old one, and with one that was never given out', async () => {
  const { topics, polls, gone } = setUp();
  topics.advance();
  topics.changed(['catalog']);
  for (const since of [0, 100, 102, 5_000_000]) {
    assert.ok(await isDone(polls.until('catalog', since, 0, gone.signal)), String(since));
  }
  assert.equal(polls.size, 0);
});

test('a wait ends with a change of its topic and not of another', async () => {
  const { clock, topics, polls, gone } = setUp();
  const wait = polls.until('service:a', 100, 0, gone.signal);
  topics.advance();
  topics.changed(['service:b', 'catalog']);
  assert.equal(await isDone(wait), false);
  topics.advance();
  topics.changed(['service:a']);
  assert.ok(await isDone(wait));
  assert.equal(clock.pending, 0);
});

test('a wait ends after its time and up to a sixteenth more, and never later than ten minutes and a sixteenth', async () => {
  const cases: [number, number][] = [
    [30_000, 30_000],
    [0, 5 * 60_000],
    [3_600_000, 10 * 60_000],
  ];
  for (const [asked, bound] of cases) {
    const { clock, polls, gone } = setUp();
    const wait = polls.until('catalog', 100, asked, gone.signal);
    clock.advance(bound - 1);
    assert.equal(await isDone(wait), false);
    clock.advance(1 + bound / 16);
    assert.ok(await isDone(wait));
  }
});

test('a client that goes away and the end of the registry leave nothing behind', async () => {
  const { clock, polls, gone } = setUp();
  const first = polls.until('catalog', 100, 0, gone.signal);
  gone.abort();
  assert.ok(await isDone(first));
  assert.equal(clock.pending, 0);
  const second = polls.until('catalog', 100, 0, new AbortController().signal);
  polls.close();
  assert.ok(await isDone(second));
  assert.ok(await isDone(polls.until('catalog', 100, 0, new AbortController().signal)));
  assert.equal(clock.pending, 0);
});

test('the number of waits is bounded', () => {
  const { polls, gone } = setUp();
  const fill = () => {
    for (let count = 0; count < 10_000; count++) void polls.until('catalog', 100, 0, gone.signal);
  };
  assert.throws(fill, (error) => error instanceof RequestError && error.status === 429);
  assert.equal(polls.size, 4_096);
  polls.close();
});
