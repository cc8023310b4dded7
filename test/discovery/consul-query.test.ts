import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogQuestion, consulLookup } from '../../src/discovery/consul-query.ts';
import { QueryFault } from '../../src/discovery/query-fault.ts';
import { DEFAULT_CONSUL } from '../support/discovery-defaults.ts';

const OPTIONS = { ...DEFAULT_CONSUL, servers: ['http://127.0.0.1:8500'] };

function lookup(args: Record<string, string>, options: Partial<typeof OPTIONS> = {}) {
  const found = consulLookup({ ...OPTIONS, ...options }, { source: 'consul', service: 'web', args });
  if (found instanceof QueryFault) throw new Error(found.message);
  const url = new URL(found.path, 'http://consul');
  return { ...found, path: url.pathname, parameters: [...url.searchParams].map(([key, value]) => `${key}=${value}`) };
}

function fault(args: Record<string, string>, service = 'web'): string {
  const found = consulLookup(OPTIONS, { source: 'consul', service, args });
  return found instanceof QueryFault ? found.message : 'no fault';
}

describe('the question that discovery_args make', () => {
  it('has every filter', () => {
    const { path, parameters, scope, prepared } = lookup({
      tag: 'blue, v2',
      node_meta: 'rack:r1,os:a:b',
      service_meta: 'version:2,note:say "hi"',
      filter: 'Service.Port > 80 or Service.ID == x',
    });
    assert.equal(path, '/v1/health/service/web');
    assert.deepEqual(parameters, [
      'passing=1',
      'tag=blue',
      'tag=v2',
      'node-meta=rack:r1',
      'node-meta=os:a:b',
      'filter=(Service.Port > 80 or Service.ID == x) and Service.Meta["version"] == `2` and Service.Meta["note"] == `say "hi"`',
    ]);
    assert.equal(scope, '');
    assert.equal(prepared, false);
  });

  it('takes health from the upstream, or else from the source', () => {
    const passing = (args: Record<string, string>, passingOnly: boolean) => {
      const { parameters, rules } = lookup(args, { passingOnly });
      assert.equal(parameters.includes('passing=1'), rules.passingOnly);
      return rules.passingOnly;
    };
    assert.equal(passing({}, true), true);
    assert.equal(passing({}, false), false);
    assert.equal(passing({ health: 'warning' }, true), false);
    assert.equal(passing({ health: 'passing' }, false), true);
  });

  it('prefers the nearest', () => {
    const { parameters, rules } = lookup({ near: '_agent', nearest: '3' });
    assert.ok(parameters.includes('near=_agent'));
    assert.equal(rules.nearest, 3);
    assert.equal(lookup({ query: 'q', nearest: '1' }).rules.nearest, 1);
  });

  it('names namespace and partition apart from the rest, those of the upstream first', () => {
    const source = { namespace: 'a', partition: 'p&q' };
    assert.equal(lookup({}, source).scope, '&ns=a&partition=p%26q');
    assert.equal(lookup({ namespace: 'b' }, source).scope, '&ns=b&partition=p%26q');
    assert.equal(catalogQuestion({ ...OPTIONS, ...source }).scope, '&ns=a&partition=p%26q');
  });

  it('executes a prepared query, and filters its answer by what the query does not know', () => {
    const { path, parameters, scope, prepared, rules } = lookup(
      { query: 'geo web', tag: 'Blue', datacenter: 'dc2', near: '_agent', nearest: '2' },
      { namespace: 'a', cached: true },
    );
    assert.equal(path, '/v1/query/geo%20web/execute');
    assert.deepEqual(parameters, ['dc=dc2', 'near=_agent']);
    assert.deepEqual({ scope, prepared }, { scope: '', prepared: true });
    assert.deepEqual(rules, { defaultWeight: 1, passingOnly: true, nearest: 2, tags: ['blue'] });
  });

  it('is refused with the place and the remedy', () => {
    const cases: [Record<string, string>, RegExp][] = [
      [{ colour: 'x' }, /discovery_args.colour is not known: Consul takes tag, /],
      [{ health: 'ok' }, /discovery_args.health is "ok": write "passing"/],
      [{ near: '_agent' }, /near needs nearest/],
      [{ nearest: '2' }, /nearest needs near/],
      [{ near: 'x', nearest: '0' }, /nearest is "0": write how many/],
      [{ near: 'x', nearest: '1.5' }, /nearest is "1.5": write how many/],
      [{ node_meta: 'rack=r1' }, /node_meta has "rack=r1", which is not a key and a value/],
      [{ service_meta: 'a:b,c"d:e' }, /service_meta has "c"d:e"/],
      [{ service_meta: 'a:b`c' }, /service_meta has "a:b`c"/],
      [{ query: '' }, /query is empty/],
      [{ query: 'q', filter: 'x' }, /filter can't stand beside query/],
      [{ query: 'q', node_meta: 'a:b' }, /node_meta can't stand beside query/],
    ];
    for (const [args, message] of cases) assert.match(fault(args), message);
    assert.match(fault({}, ''), /service_name is empty/);
  });
});
