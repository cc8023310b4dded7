import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeSource } from '../../src/control/node-sources.ts';
import { summarise, viewSource } from '../../src/control/source-views.ts';
import type { NodeSet, NodeSetState } from '../../src/discovery/types.ts';
import { node, nodes } from '../support/nodes.ts';

const QUERY = { source: 'consul', service: 'web', args: {} };
const SERVICE: NodeSource = { kind: 'service', query: QUERY, priority: 0 };
const WRITTEN: NodeSource = { kind: 'static', nodes: [node('10.0.0.9')] };
const NOW = 60_000;

function view(state: NodeSetState, confirmedAt: number | null, cached = false) {
  const reason = state === 'ok' ? null : `it is ${state}`;
  const set: NodeSet = { query: QUERY, nodes: nodes(3), version: 1, state, cached, confirmedAt, reason };
  return viewSource(SERVICE, set, NOW);
}

describe('viewSource', () => {
  it('shows state, age and size of a source', () => {
    const about = { type: 'consul', service: 'web', args: {} };
    assert.deepEqual(view('stale', 50_000), {
      ...about,
      ...{ state: 'stale', age_seconds: 10, reason: 'it is stale', cached: false, count: 3 },
    });
    assert.deepEqual(viewSource(SERVICE, undefined, NOW), {
      ...about,
      ...{ state: 'init', age_seconds: null, reason: null, cached: false, count: 0 },
    });
    const fresh = { state: 'ok', age_seconds: 0, reason: null, cached: false };
    assert.deepEqual(viewSource(WRITTEN, undefined, NOW), { type: 'static', ...fresh, count: 1 });
  });
});

describe('summarise', () => {
  const brief = (...views: ReturnType<typeof view>[]) => {
    const { state, age_seconds, reason, cached } = summarise(views);
    return [state, age_seconds, reason, cached];
  };

  it('tells of the source that is worst off, and the age of the oldest', () => {
    const written = viewSource(WRITTEN, undefined, NOW);
    assert.deepEqual(brief(written), ['ok', 0, null, false]);
    assert.deepEqual(brief(written, view('ok', 59_000)), ['ok', 1, null, false]);
    assert.deepEqual(brief(view('stale', 50_000), view('held', 59_000)), ['stale', 10, 'it is stale', false]);
    assert.deepEqual(brief(view('held', 59_000), view('failed', null)), ['failed', null, 'it is failed', false]);
    assert.deepEqual(brief(view('ok', 59_000), view('stale', null, true)), ['stale', null, 'it is stale', true]);
  });
});
