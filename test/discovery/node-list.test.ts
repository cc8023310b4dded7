import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyedServices } from '../../src/discovery/kv-nodes.ts';
import { catalogEntryOf, readNodeList } from '../../src/discovery/node-list.ts';
import type { Node } from '../../src/discovery/types.ts';

const node = (host: string, port: number, rest: Partial<Node> = {}): Node => {
  return { host, port, weight: 3, priority: 0, metadata: {}, tags: [], ...rest };
};

describe('a written list of nodes', () => {
  const read = (data: unknown) => readNodeList(data, 3);

  it('reads groups of targets with labels, as Prometheus does', () => {
    const labels = { env: 'prod', zone: 'a', weight: '7', priority: -1, shard: 4 };
    const data = [
      { targets: ['10.0.0.1:80', '[fd00::1]:81'], labels },
      { targets: ['db.example.com:82'] },
      { targets: [] },
    ];
    const rest = { weight: 7, priority: -1, metadata: { env: 'prod', zone: 'a', shard: '4' } };
    assert.deepEqual(read(data).nodes, [
      node('10.0.0.1', 80, rest),
      node('fd00::1', 81, rest),
      node('db.example.com', 82),
    ]);
    assert.deepEqual(read(data).unusable, []);
  });

  it('reads objects, texts and maps', () => {
    const rich = {
      host: '10.0.0.1',
      port: 80,
      weight: 0,
      priority: 2,
      metadata: { a: 'b' },
      tags: ['t'],
      max_fails: 2,
    };
    assert.deepEqual(read([rich, '10.0.0.2:80']).nodes, [
      node('10.0.0.1', 80, { weight: 0, priority: 2, metadata: { a: 'b' }, tags: ['t'] }),
      node('10.0.0.2', 80),
    ]);
    assert.deepEqual(read({ '10.0.0.1:80': 5, '10.0.0.2:80': { metadata: { a: 'b' } }, '10.0.0.3:80': null }).nodes, [
      node('10.0.0.1', 80, { weight: 5 }),
      node('10.0.0.2', 80, { metadata: { a: 'b' } }),
      node('10.0.0.3', 80),
    ]);
    assert.deepEqual(read([]).nodes, []);
  });

  it('leaves out what it cannot use, says why, and takes the rest', () => {
    const cases: [unknown, RegExp][] = [
      ['10.0.0.1', /"10\.0\.0\.1" is not a "host:port"/],
      [4, /item 2 has neither targets nor a host/],
      [{ targets: '10.0.0.1:80' }, /item 2: targets is not a list/],
      [{ targets: ['10.0.0.1:80'], labels: [] }, /item 2: labels is not a map/],
      [{ targets: [7] }, /item 2: the target 7 is not a "host:port"/],
      [{ targets: ['10.0.0.1:80'], labels: { weight: 'heavy' } }, /the target "10.0.0.1:80" has a weight/],
      [{ targets: ['10.0.0.1:0'] }, /has a port that is not between 1 and 65535/],
      [{ host: 'a b', port: 80 }, /item 2 has a host/],
      [{ host: 'a', port: '80' }, /item 2 has a port/],
      [{ host: 'a', port: 80, weight: -1 }, /item 2 has a weight that is not a whole number up to 1000000/],
      [{ host: 'a', port: 80, priority: 1.5 }, /item 2 has a priority that is not a whole number up to 1000/],
      [{ host: 'a', port: 80, metadata: 'x' }, /item 2 has metadata that are not a map/],
      [{ host: 'a', port: 80, tags: [1] }, /item 2 has tags that are not texts/],
    ];
    for (const [item, message] of cases) {
      const { nodes, unusable } = read(['10.0.0.9:80', item]);
      assert.deepEqual(nodes, [node('10.0.0.9', 80)]);
      assert.equal(unusable.length, 1);
      assert.match(unusable[0]!, message);
    }
    assert.match(read({ '10.0.0.1:80': 'x' }).unusable[0]!, /is given neither a weight nor an object/);
  });

  it('refuses what is no list', () => {
    for (const data of [null, 'x', 4, true]) assert.throws(() => read(data), /neither a list of nodes nor a map/);
  });

  it('is not led astray by names that JavaScript knows', () => {
    const data = JSON.parse('[{"host":"a","port":80,"metadata":{"__proto__":"x","constructor":"y"}}]');
    assert.deepEqual(Object.entries(read(data).nodes[0]!.metadata), [['constructor', 'y']]);
  });

  it('makes tags of labels that speak of routes', () => {
    const nodes = [
      node('a', 1, { metadata: { headgate_host: 'a.test', env: 'x' } }),
      node('b', 1, { metadata: { headgate_host: 'a.test' }, tags: ['headgate.path=/x'] }),
    ];
    assert.deepEqual(catalogEntryOf('web', nodes), {
      service: 'web',
      tags: ['headgate.host=a.test', 'headgate.path=/x'],
    });
  });
});

describe('services in a key-value store', () => {
  function services(entries: Record<string, string>): KeyedServices {
    const keyed = new KeyedServices(3);
    for (const [key, value] of Object.entries(entries)) keyed.put(key, value);
    return keyed;
  }

  it('reads one key for each node: an address, with a weight, with an object', () => {
    const keyed = services({
      'web/10.0.0.1:80': '',
      'web/10.0.0.2:80': '7',
      'web/[fd00::1]:80': '{"weight": 1, "max_fails": 2, "fail_timeout": 1}',
      'team/api/10.0.0.4:80': ' ',
    });
    assert.deepEqual(keyed.service('web'), {
      nodes: [node('10.0.0.1', 80), node('10.0.0.2', 80, { weight: 7 }), node('fd00::1', 80, { weight: 1 })],
      unusable: [],
    });
    assert.deepEqual(keyed.service('team/api'), { nodes: [node('10.0.0.4', 80)], unusable: [] });
    assert.equal(keyed.service('team'), undefined);
  });

  it('reads one key with a list, and both together', () => {
    const keyed = services({ web: '["10.0.0.1:80"]', 'web/10.0.0.2:80': '' });
    assert.deepEqual(keyed.service('web'), { nodes: [node('10.0.0.1', 80), node('10.0.0.2', 80)], unusable: [] });
    assert.equal(keyed.put('web', null), 'web');
    assert.deepEqual(keyed.service('web'), { nodes: [node('10.0.0.2', 80)], unusable: [] });
    keyed.put('web/10.0.0.2:80', null);
    assert.equal(keyed.service('web'), undefined);
    assert.deepEqual([...keyed.services()], []);
  });

  it('leaves out a node whose value is no JSON, and calls a list that is none a fault', () => {
    const keyed = services({ 'web/10.0.0.1:80': '{', 'web/10.0.0.2:80': '"x"', list: '[', text: '"x"', none: '' });
    assert.deepEqual(keyed.service('web'), {
      nodes: [],
      unusable: ['the key "web/10.0.0.1:80": it is not JSON', '"10.0.0.2:80" is given neither a weight nor an object'],
    });
    assert.deepEqual(keyed.service('list'), { fault: `the value of the key "list" can't be used: it is not JSON` });
    for (const name of ['text', 'none']) assert.ok('fault' in keyed.service(name)!);
  });

  it('passes over keys that stand for folders', () => {
    const keyed = new KeyedServices(1);
    assert.equal(keyed.put('', ''), null);
    assert.equal(keyed.put('web/', ''), null);
  });
});
