import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearest } from '../../src/config/nearest.ts';

test('edits are counted, a swap of neighbours as one', () => {
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('uir', 'uri'), 1);
  assert.equal(editDistance('same', 'same'), 0);
});

test('the nearest word is found, and none where none is near', () => {
  const keys = ['uri', 'uris', 'upstream', 'upstream_id', 'methods'];
  assert.equal(nearest('uir', keys), 'uri');
  assert.equal(nearest('upstreamId', keys), 'upstream_id');
  assert.equal(nearest('upstream-id', keys), 'upstream_id');
  assert.equal(nearest('METHOD', keys), 'methods');
  assert.equal(nearest('plugins', keys), null);
  assert.equal(nearest('x', keys), null);
  assert.equal(nearest('u'.repeat(100_000), keys), null);
});
