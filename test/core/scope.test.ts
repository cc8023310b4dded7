import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Closable, Scope } from '../../src/core/scope.ts';

function child(name: string, log: string[], failure?: Error): Closable {
  return {
    async close(deadline) {
      log.push(`${name} begins ${deadline}`);
      await Promise.resolve();
      log.push(`${name} ends`);
      if (failure) throw failure;
    },
  };
}

describe('scope', () => {
  it('closes its children one after the other, the newest first, with the deadline', async () => {
    const log: string[] = [];
    const scope = new Scope();
    for (const name of ['a', 'b']) scope.own(child(name, log));
    await scope.close(7);
    assert.deepEqual(log, ['b begins 7', 'b ends', 'a begins 7', 'a ends']);
  });

  it('returns what it owns', () => {
    const owned = child('a', []);
    assert.equal(new Scope().own(owned), owned);
  });

  it('closes once, however often it is asked, and every caller waits for the end', async () => {
    const log: string[] = [];
    const scope = new Scope();
    scope.own(child('a', log));
    await Promise.all([scope.close(1), scope.close(2)]);
    await scope.close(3);
    assert.deepEqual(log, ['a begins 1', 'a ends']);
  });

  it('closes the others when one fails, and then reports every failure', async () => {
    const log: string[] = [];
    const scope = new Scope();
    const failures = [new Error('first'), new Error('second')];
    scope.own(child('a', log, failures[1]));
    scope.own(child('b', log));
    scope.own(child('c', log, failures[0]));
    await assert.rejects(scope.close(0), (error: unknown) => {
      assert.ok(error instanceof AggregateError);
      assert.deepEqual(error.errors, failures);
      return true;
    });
    assert.equal(log.length, 6);
  });

  it('has nothing to do without children', async () => {
    await new Scope().close(0);
  });
});
