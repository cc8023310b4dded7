import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deriveAutoRoutes, mayHaveRoutes } from '../../src/control/auto-routes.ts';
import { type AutoRoutes, NO_AUTO_ROUTES } from '../../src/control/auto-types.ts';
import { parseTemplate } from '../../src/control/route-template.ts';
import type { Node, NodeSet } from '../../src/discovery/types.ts';
import { node } from '../support/nodes.ts';

function set(service: string, nodes: readonly Node[], source = 'consul'): NodeSet {
  const query = { source, service, args: {} };
  return { query, nodes, version: 1, state: 'ok', cached: false, confirmedAt: 0, reason: null };
}

/** An instance at `10.0.0.<number>` with these tags. */
function instance(number: number, ...tags: string[]): Node {
  return node(`10.0.0.${number}`, 80, { tags });
}

function derive(sets: readonly NodeSet[], previous: AutoRoutes = NO_AUTO_ROUTES, template?: string): AutoRoutes {
  return deriveAutoRoutes(sets, new Map(template ? [['consul', parseTemplate(template)]] : []), previous);
}

/** Route id → the last numbers of the addresses behind it. */
function table(result: AutoRoutes): Record<string, string> {
  const upstreams = new Map(result.upstreams.map((upstream) => [upstream.id, upstream]));
  const rows = result.routes.map(({ id, upstream }) => {
    const nodes = upstreams.get(upstream)?.nodes ?? [];
    return [id.replace('auto:consul:', ''), nodes.map(({ host }) => host.replace('10.0.0.', '')).join(' ')];
  });
  return Object.fromEntries(rows);
}

function upstreamsOf(result: AutoRoutes): Record<string, string> {
  return Object.fromEntries(result.routes.map(({ id, upstream }) => [id, upstream]));
}

test('instances with the same tags stand behind one upstream, whatever the number of routes', () => {
  const tags = ['headgate.host=a.com,b.com', 'headgate.path=/x/*', 'headgate.tcp=5432'];
  const result = derive([set('web', [instance(1, ...tags), instance(2, ...tags)])]);
  assert.deepEqual(table(result), { 'web:a.com/x/*': '1 2', 'web:b.com/x/*': '1 2', 'web:tcp:5432': '1 2' });
  assert.deepEqual(
    result.upstreams.map(({ id }) => id),
    ['auto:consul:web'],
  );
  assert.deepEqual(result.conflicts, []);
});

test('a route goes to the instances that claim it, and to no other', () => {
  const result = derive([
    set('web', [instance(1, 'headgate.path=/a'), instance(2, 'headgate.path=/a,/b'), instance(3), instance(4, 'v1')]),
  ]);
  assert.deepEqual(table(result), { 'web:/a': '1 2', 'web:/b': '2' });
  assert.deepEqual(upstreamsOf(result), {
    'auto:consul:web:/a': 'auto:consul:web',
    'auto:consul:web:/b': 'auto:consul:web:/b',
  });
});

test('a service without tags is not exposed, and a route is withdrawn with the last instance', () => {
  assert.deepEqual(derive([set('web', [instance(1), instance(2, 'primary')])]), NO_AUTO_ROUTES);
  const before = derive([set('web', [instance(1, 'headgate.path=/')])]);
  assert.deepEqual(table(before), { 'web:/*': '1' });
  assert.deepEqual(derive([set('web', [])], before), NO_AUTO_ROUTES);
  assert.deepEqual(derive([], before), NO_AUTO_ROUTES);
});

test('an upstream keeps its id while instances with new tags replace those with old ones', () => {
  const steps = [
    [instance(1, 'headgate.path=/old'), instance(2, 'headgate.path=/old')],
    [instance(1, 'headgate.path=/old'), instance(2, 'headgate.path=/old'), instance(3, 'headgate.path=/old,/new')],
    [instance(2, 'headgate.path=/old'), instance(3, 'headgate.path=/old,/new'), instance(4, 'headgate.path=/old,/new')],
    [instance(3, 'headgate.path=/old,/new'), instance(4, 'headgate.path=/old,/new')],
  ];
  let result = NO_AUTO_ROUTES;
  const ids = steps.map((nodes) => {
    result = derive([set('web', nodes)], result);
    return upstreamsOf(result);
  });
  for (const step of ids) assert.equal(step['auto:consul:web:/old'], 'auto:consul:web');
  assert.equal(ids[1]?.['auto:consul:web:/new'], 'auto:consul:web:/new');
  assert.equal(ids[2]?.['auto:consul:web:/new'], 'auto:consul:web:/new');
  assert.equal(ids[3]?.['auto:consul:web:/new'], 'auto:consul:web');
});

test('an upstream keeps its id when the instances that had the main one have gone', () => {
  const first = derive([set('web', [instance(1, 'headgate.path=/old')])]);
  const both = derive([set('web', [instance(1, 'headgate.path=/old'), instance(2, 'headgate.path=/new')])], first);
  const last = derive([set('web', [instance(2, 'headgate.path=/new')])], both);
  assert.deepEqual(upstreamsOf(last), { 'auto:consul:web:/new': 'auto:consul:web:/new' });
});

test('routes that part company do not take the id of an upstream that goes on', () => {
  const one = instance(1, 'headgate.path=/m');
  const others = (...last: string[]) => [
    instance(2, 'headgate.path=/b,/c'),
    instance(3, 'headgate.path=/b,/c'),
    instance(4, ...last),
  ];
  let result = derive([set('web', [one])]);
  result = derive([set('web', [one, ...others('headgate.path=/b,/c')])], result);
  assert.equal(result.upstreams.length, 2);
  result = derive([set('web', [one, ...others('headgate.path=/b')])], result);
  assert.deepEqual(upstreamsOf(result), {
    'auto:consul:web:/b': 'auto:consul:web:/b',
    'auto:consul:web:/c': 'auto:consul:web:/c',
    'auto:consul:web:/m': 'auto:consul:web',
  });
});

test('a newcomer never takes traffic away; it takes over when the holder has gone', () => {
  const web = set('web', [instance(1, 'headgate.host=a.com')]);
  const admin = set('admin', [instance(2, 'headgate.host=a.com', 'headgate.path=/*,/admin')]);
  const first = derive([web]);
  const both = derive([admin, web], first);
  assert.deepEqual(table(both), { 'web:a.com/*': '1', 'admin:a.com/admin': '2' });
  assert.deepEqual(both.conflicts, [
    { claim: 'a.com/*', holder: 'auto:consul:web:a.com/*', refused: 'auto:consul:admin:a.com/*' },
  ]);
  const after = derive([admin], both);
  assert.deepEqual(table(after), { 'admin:a.com/*': '2', 'admin:a.com/admin': '2' });
  const returned = derive([admin, web], after);
  assert.deepEqual(table(returned), { 'admin:a.com/*': '2', 'admin:a.com/admin': '2' });
  assert.equal(returned.conflicts[0]?.refused, 'auto:consul:web:a.com/*');
});

test('among newcomers the first in the alphabet gets the route, whatever the order of the input', () => {
  const sets = [set('b', [instance(1, 'headgate.path=/')]), set('a', [instance(2, 'headgate.path=/')])];
  assert.deepEqual(table(derive(sets)), { 'a:/*': '2' });
  assert.deepEqual(derive(sets), derive(sets.toReversed()));
});

test('claims conflict when host, path and priority are the same and a method is in both', () => {
  const rivals = (first: string[], second: string[]) => {
    return derive([set('a', [instance(1, ...first)]), set('b', [instance(2, ...second)])]).conflicts.length;
  };
  const path = 'headgate.path=/x';
  assert.equal(rivals([path], [path]), 1);
  assert.equal(rivals([path], ['headgate.path=/x/*']), 0);
  assert.equal(rivals([path], ['headgate.path=/x', 'headgate.host=a.com']), 0);
  assert.equal(rivals([path], [path, 'headgate.priority=1']), 0);
  assert.equal(rivals([path], [path, 'headgate.methods=GET']), 1);
  assert.equal(rivals([path, 'headgate.methods=POST'], [path, 'headgate.methods=GET']), 0);
  assert.equal(rivals([path, 'headgate.methods=GET,POST'], [path, 'headgate.methods=GET,PUT']), 1);
  assert.equal(rivals([path], [path, 'headgate.strip=true']), 1);
  assert.equal(rivals(['headgate.tcp=1'], ['headgate.tcp=1']), 1);
  assert.equal(rivals(['headgate.tcp=1'], ['headgate.tcp=2']), 0);
});

test('a service that changes how its route works keeps it against one that waits', () => {
  const waiting = set('a', [instance(9, 'headgate.path=/x/*')]);
  const first = derive([set('web', [instance(1, 'headgate.path=/x/*')])]);
  const contested = derive([waiting, set('web', [instance(1, 'headgate.path=/x/*')])], first);
  const changed = derive([waiting, set('web', [instance(1, 'headgate.path=/x/*', 'headgate.strip=true')])], contested);
  assert.deepEqual(table(changed), { 'web:/x/*;strip=/x': '1' });
});

test('a weight in the tags replaces that of the registry', () => {
  const result = derive([
    set('web', [instance(1, 'headgate.path=/', 'headgate.weight=3'), instance(2, 'headgate.path=/')]),
  ]);
  assert.deepEqual(
    result.upstreams[0]?.nodes.map(({ weight }) => weight),
    [3, 1],
  );
});

test("Fabio's shares become weights", () => {
  const weights = (...shares: string[]) => {
    const nodes = shares.map((share, index) => instance(index + 1, `urlprefix-/ ${share}`.trim()));
    return derive([set('web', nodes)]).upstreams[0]?.nodes.map(({ weight }) => weight);
  };
  assert.deepEqual(weights('', ''), [1, 1]);
  assert.deepEqual(weights('weight=0.1', '', ''), [2, 9, 9]);
  assert.deepEqual(weights('weight=0.5', 'weight=0.5'), [1, 1]);
  assert.deepEqual(weights('weight=0.2'), [1]);
  assert.deepEqual(weights('weight=1', ''), [1, 0]);
  assert.deepEqual(weights('weight=0', ''), [0, 1]);
});

test('a template exposes services without routing tags, but not the registry itself', () => {
  const sets = [
    set('web', [instance(1)]),
    set('api', [instance(2, 'headgate.path=/api')]),
    set('secret', [instance(3, 'headgate.enable=false')]),
    set('consul', [instance(4)]),
  ];
  const result = derive(sets, NO_AUTO_ROUTES, '{service}.example.com');
  assert.deepEqual(table(result), { 'web:web.example.com/*': '1', 'api:/api': '2' });
  assert.deepEqual(result.warnings, []);
  const template = parseTemplate('{service}.example.com');
  assert.equal(mayHaveRoutes('consul', 'web', [], template), true);
  assert.equal(mayHaveRoutes('consul', 'web', [], null), false);
  assert.equal(mayHaveRoutes('consul', 'web', ['urlprefix-/'], null), true);
  assert.equal(mayHaveRoutes('consul', 'consul', [], template), false);
});

test('warnings name source and service, and come once however many instances have the tag', () => {
  const result = derive([set('web', [instance(1, 'headgate.host=a b'), instance(2, 'headgate.host=a b')])]);
  assert.equal(result.warnings.length, 1);
  assert.deepEqual([result.warnings[0]?.source, result.warnings[0]?.service], ['consul', 'web']);
});

test('whatever happens, a route has one holder, an upstream with nodes, and unique ids', () => {
  const tags = fc.subarray([
    'headgate.path=/a',
    'headgate.path=/b',
    'headgate.methods=GET',
    'headgate.strip=true',
    'headgate.tcp=1',
  ]);
  const service = fc.array(tags, { maxLength: 4 });
  const state = fc.dictionary(fc.constantFrom('a', 'b', 'c'), service);
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 6 }), (history) => {
      let previous = NO_AUTO_ROUTES;
      for (const services of history) {
        const sets = Object.entries(services).map(([name, instances]) => {
          return set(
            name,
            instances.map((own, index) => instance(index + 1, ...own)),
          );
        });
        const next = derive(sets, previous);
        assert.deepEqual(derive(sets.toReversed(), previous), next);
        assert.equal(new Set(next.routes.map(({ id }) => id)).size, next.routes.length);
        const upstreams = new Map(next.upstreams.map((upstream) => [upstream.id, upstream]));
        assert.equal(upstreams.size, next.upstreams.length);
        for (const route of next.routes) assert.ok((upstreams.get(route.upstream)?.nodes.length ?? 0) > 0);
        const refused = new Set(next.conflicts.map((conflict) => conflict.refused));
        for (const { id } of next.routes) assert.equal(refused.has(id), false);
        previous = next;
      }
    }),
    { numRuns: 300 },
  );
});

test('tags of nodes that are still the same are not read again', () => {
  let reads = 0;
  const counted: Node = {
    ...instance(1),
    get tags() {
      reads += 1;
      return ['headgate.path=/a', 'headgate.bogus=1'];
    },
  };
  const same = set('web', [counted]);
  const first = derive([same]);
  const before = reads;
  const second = derive([same, set('other', [instance(2, 'headgate.path=/b')])], first);
  assert.equal(reads, before);
  assert.deepEqual(table(second), { 'web:/a': '1', 'other:/b': '2' });
  assert.deepEqual(second.warnings, first.warnings);
  const [again] = derive([{ ...same, query: { ...same.query, service: 'renamed' } }]).routes;
  assert.equal(again?.id, 'auto:consul:renamed:/a');
});
