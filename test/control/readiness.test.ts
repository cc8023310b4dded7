import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Readiness } from '../../src/control/readiness.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('Readiness', () => {
  it('waits for the listeners, then for the first answers', () => {
    let waiting = ['web', 'db'];
    const readiness = new Readiness(new FakeClock(), 10_000, () => waiting);
    assert.deepEqual(readiness.view(), { ready: false, reasons: ['the listeners are not bound yet'] });
    readiness.listening();
    assert.deepEqual(readiness.view(), { ready: false, reasons: ['no answer yet for web, db'] });
    waiting = [];
    assert.deepEqual(readiness.view(), { ready: true, reasons: [] });
  });

  it('gives up waiting after its timeout, and never becomes unready for a registry again', () => {
    const clock = new FakeClock();
    let waiting = ['web'];
    const readiness = new Readiness(clock, 10_000, () => waiting);
    readiness.listening();
    clock.advance(9999);
    assert.equal(readiness.view().ready, false);
    clock.advance(1);
    assert.equal(readiness.view().ready, true);
    waiting = ['web', 'late'];
    assert.equal(readiness.view().ready, true);
  });

  it('is unready for good once a shutdown has begun', () => {
    const readiness = new Readiness(new FakeClock(), 0, () => []);
    readiness.listening();
    assert.equal(readiness.view().ready, true);
    readiness.drain();
    assert.deepEqual(readiness.view(), { ready: false, reasons: ['shutting down'] });
  });

  it('names a few of many services', () => {
    const names = Array.from({ length: 9 }, (_, index) => `s${index}`);
    const readiness = new Readiness(new FakeClock(), 1, () => names);
    readiness.listening();
    assert.deepEqual(readiness.view().reasons, ['no answer yet for s0, s1, s2, s3, s4 and 4 more']);
  });
});
