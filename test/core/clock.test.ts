import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

describe('system clock', () => {
  it('gives one time line to all threads, though each began at another time', async () => {
    const module = JSON.stringify(new URL('../../src/core/clock.ts', import.meta.url).href);
    const source = `import(${module}).then(({ systemClock }) => require('node:worker_threads').parentPort.postMessage(systemClock.now()))`;
    const before = systemClock.now();
    const worker = new Worker(source, { eval: true });
    const [inWorker] = (await once(worker, 'message')) as [number];
    const after = systemClock.now();
    await worker.terminate();
    assert.ok(inWorker >= before - 1 && inWorker <= after + 1, `${before} ≤ ${inWorker} ≤ ${after}`);
  });

  it('never runs backwards', () => {
    let last = systemClock.now();
    for (let look = 0; look < 10_000; look++) {
      const now = systemClock.now();
      assert.ok(now >= last);
      last = now;
    }
  });

  it('runs a task, and none that was cancelled', async () => {
    const { resolve, promise } = Promise.withResolvers<void>();
    const keepAlive = setInterval(() => {}, 1000);
    systemClock.after(1, () => assert.fail('cancelled')).cancel();
    systemClock.after(10, resolve);
    await promise;
    clearInterval(keepAlive);
  });
});

describe('sleep', () => {
  it('ends after its time', async () => {
    const clock = new FakeClock();
    let awake = false;
    void sleep(clock, 500).then(() => {
      awake = true;
    });
    await clock.run(499);
    assert.equal(awake, false);
    await clock.run(1);
    assert.equal(awake, true);
  });

  it('ends at once on an abort, before or during, and leaves no timer', async () => {
    const clock = new FakeClock();
    await sleep(clock, 500, AbortSignal.abort());
    assert.equal(clock.pending, 0);
    const abort = new AbortController();
    const slept = sleep(clock, 500, abort.signal);
    assert.equal(clock.pending, 1);
    abort.abort();
    await slept;
    assert.equal(clock.pending, 0);
    await settle();
  });
});
