import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeadgateError, reasonOf } from '../../src/core/errors.ts';

describe('HeadgateError', () => {
  it('carries its facts, and is not retried unless somebody says so', () => {
    const cause = new Error('below');
    const error = new HeadgateError('no', { code: 'NO', source: 'upstream', cause });
    assert.deepEqual([error.code, error.source, error.retry, error.cause], ['NO', 'upstream', 'never', cause]);
    assert.equal(new HeadgateError('no', { code: 'NO', source: 'self', retry: 'safe' }).retry, 'safe');
    assert.equal('cause' in new HeadgateError('no', { code: 'NO', source: 'self' }), false);
  });
});

describe('reasonOf', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });

  it('gives one line with the code, once', () => {
    assert.equal(reasonOf(refused), 'connect ECONNREFUSED 127.0.0.1:1');
    assert.equal(reasonOf(Object.assign(new Error('closed'), { code: 'E_X' })), 'closed (E_X)');
    assert.equal(reasonOf(new Error('two\n  lines')), 'two lines');
  });

  it('names the cause, and the first of several errors', () => {
    assert.equal(
      reasonOf(new Error('fetch failed', { cause: refused })),
      'fetch failed: connect ECONNREFUSED 127.0.0.1:1',
    );
    assert.equal(reasonOf(new AggregateError([refused, new Error('other')], '')), 'connect ECONNREFUSED 127.0.0.1:1');
    assert.equal(reasonOf(new AggregateError([], '')), 'AggregateError');
  });

  it('takes anything that can be thrown', () => {
    assert.equal(reasonOf('text'), 'text');
    assert.equal(reasonOf(undefined), 'undefined');
    assert.equal(reasonOf(new TypeError('')), 'TypeError');
  });
});
