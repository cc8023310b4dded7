import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Unanswered, UnansweredBudget } from '../../src/l4/udp-unanswered.ts';

const KIB = 1024;

describe('unanswered datagrams', () => {
  test('are taken back in order, once', () => {
    const budget = new UnansweredBudget();
    const unanswered = new Unanswered(budget);
    const datagrams = ['a', 'bb', ''].map((text) => Buffer.from(text));
    for (const datagram of datagrams) assert.equal(unanswered.keep(datagram), true);
    assert.equal(unanswered.empty, false);
    assert.equal(budget.bytes, 3);
    assert.deepEqual(unanswered.take(), datagrams);
    assert.equal(budget.bytes, 0);
    assert.deepEqual(unanswered.take(), []);
    assert.equal(unanswered.empty, true);
  });

  test('the first eight are kept, and 64 KiB, but always one', () => {
    const many = new Unanswered(new UnansweredBudget());
    for (let count = 0; count < 8; count++) assert.equal(many.keep(Buffer.alloc(1)), true);
    assert.equal(many.keep(Buffer.alloc(1)), false);
    const large = new Unanswered(new UnansweredBudget());
    assert.equal(large.keep(Buffer.alloc(65_507)), true);
    assert.equal(large.keep(Buffer.alloc(30)), false);
  });

  test('all sessions together keep 16 MiB: beyond it each keeps the one that is not sent yet', () => {
    const budget = new UnansweredBudget();
    const sessions = Array.from({ length: 256 }, () => new Unanswered(budget));
    for (const session of sessions) session.keep(Buffer.alloc(64 * KIB));
    assert.equal(budget.spent, true);
    const late = new Unanswered(budget);
    assert.equal(late.keep(Buffer.alloc(10)), true);
    assert.equal(late.keep(Buffer.alloc(10)), false);
    late.sent();
    assert.equal(late.empty, true);
    for (const session of sessions) session.clear();
    assert.equal(budget.bytes, 0);
    assert.equal(late.keep(Buffer.alloc(10)), true);
    late.sent();
    assert.equal(late.empty, false);
  });
});
