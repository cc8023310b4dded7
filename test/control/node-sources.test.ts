import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gatherNodes, type NodeSource } from '../../src/control/node-sources.ts';
import type { Node, NodeSet, ServiceQuery } from '../../src/discovery/types.ts';
import { node } from '../support/nodes.ts';

const CONSUL: ServiceQuery = { source: 'consul', service: 'web', args: {} };
const KUBERNETES: ServiceQuery = { source: 'kubernetes', service: 'shop/web:http', args: { address_type: 'IPv4' } };

function service(query: ServiceQuery, priority = 0): NodeSource {
  return { kind: 'service', query, priority };
}

function sets(known: readonly (readonly [ServiceQuery, readonly Node[]])[]) {
  const byQuery = new Map(known);
  return {
    get: (query: ServiceQuery) => {
      const nodes = byQuery.get(query);
      return nodes && ({ query, nodes } as unknown as NodeSet);
    },
  };
}

function shown(sources: readonly NodeSource[], known: Parameters<typeof sets>[0]) {
  const { nodes, origins } = gatherNodes(sources, sets(known));
  return nodes.map(({ host, weight, priority }, index) => `${host} ${weight} ${priority} ${origins[index]}`);
}

describe('gatherNodes', () => {
  it('takes the nodes of one source as they are', () => {
    const nodes = [node('10.0.0.1'), node('10.0.0.2')];
    const gathered = gatherNodes([service(CONSUL)], sets([[CONSUL, nodes]]));
    assert.equal(gathered.nodes, nodes);
    assert.deepEqual(gathered.origins, ['consul: web', 'consul: web']);
  });

  it('counts an address once, as the first that names it describes it', () => {
    const written: NodeSource = {
      kind: 'static',
      nodes: [node('10.0.0.9', 80, { weight: 1 }), node('10.0.0.1'), node('10.0.0.9', 80, { weight: 7 })],
    };
    assert.deepEqual(shown([written], []), ['10.0.0.9 1 0 static', '10.0.0.1 1 0 static']);
  });

  it('puts sources together; of two with an address the earlier source counts', () => {
    const known = [
      [CONSUL, [node('10.0.0.1', 80, { weight: 5 }), node('10.0.0.2')]],
      [KUBERNETES, [node('10.0.0.1'), node('10.0.0.1', 81), node('10.0.0.3')]],
    ] as const;
    const written: NodeSource = { kind: 'static', nodes: [node('10.0.0.4'), node('10.0.0.3', 80, { weight: 0 })] };
    const kubernetes = 'kubernetes: shop/web:http (address_type=IPv4)';
    assert.deepEqual(shown([service(CONSUL), service(KUBERNETES), written], known), [
      '10.0.0.1 5 0 consul: web',
      '10.0.0.2 1 0 consul: web',
      `10.0.0.1 1 0 ${kubernetes}`,
      `10.0.0.3 1 0 ${kubernetes}`,
      '10.0.0.4 1 0 static',
    ]);
    assert.deepEqual(shown([service(KUBERNETES), service(CONSUL)], known), [
      `10.0.0.1 1 0 ${kubernetes}`,
      `10.0.0.1 1 0 ${kubernetes}`,
      `10.0.0.3 1 0 ${kubernetes}`,
      '10.0.0.2 1 0 consul: web',
    ]);
  });

  it('goes on with the others where a source knows of nothing', () => {
    const sources = [service(CONSUL), service(KUBERNETES)];
    const known = [[KUBERNETES, [node('10.0.0.3')]]] as const;
    assert.deepEqual(shown(sources, known), ['10.0.0.3 1 0 kubernetes: shop/web:http (address_type=IPv4)']);
    assert.deepEqual(shown(sources, []), []);
  });

  it('shifts the priority of a fallback, by the same object each time', () => {
    const nodes = [node('10.0.0.1'), node('10.0.0.2', 80, { priority: 4 })];
    const fallback = [service(CONSUL, -10)];
    assert.deepEqual(shown(fallback, [[CONSUL, nodes]]), ['10.0.0.1 1 -10 consul: web', '10.0.0.2 1 -6 consul: web']);
    const [first, again] = [1, 2].map(() => gatherNodes(fallback, sets([[CONSUL, nodes]])).nodes);
    assert.equal(first?.[0], again?.[0]);
    assert.equal(nodes[0]?.priority, 0);
  });
});
