import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseHealth } from '../../src/discovery/consul-answer.ts';
import { parseApps } from '../../src/discovery/eureka-answer.ts';
import { nodesOf } from '../../src/discovery/eureka-nodes.ts';
import { parseInstances } from '../../src/discovery/nacos-answer.ts';
import { readNodeList } from '../../src/discovery/node-list.ts';
import { factsInTags, priorityIn, weightIn } from '../../src/discovery/routing-facts.ts';
import type { Node } from '../../src/discovery/types.ts';
import { eurekaAnswer, eurekaEntry } from '../support/eureka-entries.ts';

type Facts = Readonly<Record<string, string>>;

/** One instance with these metadata, as each registry with metadata lists it. */
const READ: Readonly<Record<string, (metadata: Facts) => Node | undefined>> = {
  consul: (metadata) => {
    const rules = { defaultWeight: 7, passingOnly: true, tags: [], nearest: null };
    const service = { ID: 'a', Address: '10.0.0.1', Port: 80, Meta: metadata, Weights: { Passing: 1, Warning: 1 } };
    return parseHealth([{ Service: service }], rules).nodes[0];
  },
  eureka: (metadata) =>
    nodesOf(parseApps(eurekaAnswer([eurekaEntry(80, { metadata })], '')).instances, new Set(), null, 7).nodes[0],
  nacos: (metadata) => {
    const service = { name: 'web', namespace: 'public', group: 'DEFAULT_GROUP', clusters: '' };
    const instance = { ip: '10.0.0.1', port: 80, healthy: true, weight: 1, metadata };
    return parseInstances({ hosts: [instance] }, service, 7).nodes[0];
  },
  'a list': (metadata) => readNodeList([{ host: '10.0.0.1', port: 80, metadata }], 7).nodes[0],
};

describe('what metadata say about routing', () => {
  for (const [registry, read] of Object.entries(READ)) {
    it(`is the same in ${registry}: weight, priority, zone and any label`, () => {
      const node = read({ weight: '3', priority: '-2', zone: 'eu-1', version: 'v2' });
      // Nacos states proportions: three times the weight of an instance that states none.
      assert.deepEqual([node?.weight, node?.priority], [registry === 'nacos' ? 21 : 3, -2]);
      assert.deepEqual([node?.metadata.zone, node?.metadata.version], ['eu-1', 'v2']);
      const plain = read({ weight: 'heavy', priority: '1.5' });
      assert.deepEqual([plain?.weight, plain?.priority], [7, 0]);
    });
  }

  it('gives way to the weight that a registry has of its own', () => {
    const rules = { defaultWeight: 7, passingOnly: true, tags: [], nearest: 1 };
    const instance = (port: number, weights: object) => ({
      Service: {
        ID: `${port}`,
        Address: '10.0.0.1',
        Port: port,
        Meta: { weight: '3', priority: '5' },
        Weights: weights,
      },
    });
    const entries = [instance(1, { Passing: 9, Warning: 1 }), instance(2, { Passing: 1, Warning: 1 })];
    const { nodes } = parseHealth(entries, rules);
    assert.deepEqual(
      nodes.map(({ weight, priority }) => [weight, priority]),
      [
        [9, 5],
        [3, 4],
      ],
    );
    const service = { name: 'web', namespace: 'public', group: 'DEFAULT_GROUP', clusters: '' };
    const stated = { ip: '10.0.0.1', port: 80, healthy: true, weight: 2, metadata: { weight: '3' } };
    assert.equal(parseInstances({ hosts: [stated] }, service, 100).nodes[0]?.weight, 200);
    const [listed] = readNodeList(
      [{ host: 'a', port: 80, weight: 2, priority: 1, metadata: { weight: '3' } }],
      7,
    ).nodes;
    assert.deepEqual([listed?.weight, listed?.priority], [2, 1]);
  });

  it('is bounded, and no other text is a number', () => {
    assert.deepEqual(
      ['0', '9999999', '-1', '', ' 1', '1e3'].map((weight) => weightIn({ weight }, 7)),
      [0, 1_000_000, 7, 7, 7, 7],
    );
    assert.deepEqual(
      ['1000', '-1000', '1001', '-0', 'x', '+1'].map((priority) => priorityIn({ priority })),
      [1000, -1000, 0, 0, 0, 0],
    );
  });

  it('counts tags with a value as metadata, under those that are metadata; what asks for routes is none', () => {
    const tags = ['version=v2', 'blue', 'headgate.path=/', 'urlprefix-/x opts=1', 'a.b-c=x=y', '=x', 'empty=', '1=2'];
    assert.deepEqual(factsInTags(tags), [
      ['version', 'v2'],
      ['a.b-c', 'x=y'],
    ]);
    const rules = { defaultWeight: 7, passingOnly: true, tags: [], nearest: null };
    const service = { ID: 'a', Address: '10.0.0.1', Port: 80, Tags: ['version=v2', 'zone=t', 'rack=t'] };
    const entry = {
      Node: { Meta: { zone: 'machine', rack: 'machine' } },
      Service: { ...service, Meta: { rack: 'own' } },
    };
    assert.deepEqual(parseHealth([entry], rules).nodes[0]?.metadata, { version: 'v2', zone: 't', rack: 'own' });
    assert.deepEqual(readNodeList([{ host: 'a', port: 80, tags }], 7).nodes[0]?.metadata, {
      version: 'v2',
      'a.b-c': 'x=y',
    });
  });
});
