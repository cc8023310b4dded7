import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type EndpointSlice, nodesOfSlices, type PortChoice, readSlice } from '../../src/discovery/endpoint-slices.ts';
import { type EndpointFacts, endpointSlice, type SliceFacts } from '../support/endpoint-slice.ts';

const ANY: PortChoice = { port: null, addressType: null };

function slice(endpoints: readonly EndpointFacts[], facts: SliceFacts = {}): EndpointSlice {
  const kept = readSlice(endpointSlice(endpoints, facts), 'default/web-abc');
  assert.ok(kept);
  return kept.value;
}

function weights(slices: readonly EndpointSlice[], choice = ANY): Record<string, number> {
  const { nodes } = nodesOfSlices(slices, choice, 5, []);
  return Object.fromEntries(nodes.map(({ host, port, weight }) => [`${host}:${port}`, weight]));
}

describe('nodes of EndpointSlices', () => {
  it('keeps a slice under its service, and passes over one that has none', () => {
    assert.equal(readSlice(endpointSlice([], { namespace: 'shop' }), 'shop/web-abc')?.key, 'shop/web');
    assert.equal(readSlice({ metadata: { name: 'x', namespace: 'y' }, addressType: 'IPv4' }, 'y/x'), null);
  });

  it('goes by the conditions, and by what Kubernetes says of those that are not stated', () => {
    const ready = { address: '10.0.0.1' };
    const cases: [Omit<EndpointFacts, 'address'>, number | undefined][] = [
      [{ ready: null }, 5],
      [{ ready: true }, 5],
      [{ ready: false }, undefined],
      [{ ready: false, serving: true }, undefined],
      [{ ready: false, serving: true, terminating: true }, 0],
      [{ ready: false, serving: false, terminating: true }, undefined],
      [{ ready: false, terminating: true }, undefined],
      [{ ready: true, terminating: true }, 0],
      [{ ready: null, terminating: true }, 0],
    ];
    for (const [facts, weight] of cases) {
      const found = weights([slice([ready, { address: '10.0.0.2', ...facts }])]);
      assert.deepEqual([found['10.0.0.1:8080'], found['10.0.0.2:8080']], [5, weight], JSON.stringify(facts));
    }
  });

  it('gives the traffic to those that end while they serve when nothing else is left', () => {
    const ending = { address: '10.0.0.1', ready: false, serving: true, terminating: true };
    assert.deepEqual(weights([slice([ending, { address: '10.0.0.2', ready: false }])]), { '10.0.0.1:8080': 5 });
    const { nodes } = nodesOfSlices([slice([ending])], ANY, 5, []);
    assert.equal(nodes[0]?.metadata.terminating, 'true');
  });

  it('finds ports by name and by number, per slice', () => {
    const slices = [
      slice([{ address: '10.0.0.1' }], {
        ports: [
          { name: 'http', port: 8080 },
          { name: 'admin', port: 9090 },
        ],
      }),
      slice([{ address: '10.0.0.2' }], { ports: [{ name: 'http', port: 8081 }] }),
    ];
    assert.deepEqual(weights(slices, { ...ANY, port: 'http' }), { '10.0.0.1:8080': 5, '10.0.0.2:8081': 5 });
    assert.deepEqual(weights(slices, { ...ANY, port: '9090' }), { '10.0.0.1:9090': 5 });
    assert.deepEqual(nodesOfSlices(slices, ANY, 5, []).ports, ['admin', 'http']);
    assert.deepEqual(nodesOfSlices(slices, { ...ANY, port: 'grpc' }, 5, []).ports, ['admin', 'http']);
    assert.deepEqual(weights([slice([{ address: '10.0.0.1' }], { ports: [{ name: '', port: 80 }] })]), {
      '10.0.0.1:80': 5,
    });
  });

  it('takes a slice of every port at the number that is asked for, and never at none', () => {
    const open = [slice([{ address: '10.0.0.1' }], { ports: [{ name: '', port: null }] })];
    assert.deepEqual(weights(open, { ...ANY, port: '7000' }), { '10.0.0.1:7000': 5 });
    assert.deepEqual(weights(open), {});
  });

  it('does not complain of ports while there are no endpoints', () => {
    const found = nodesOfSlices([slice([], { ports: null })], { ...ANY, port: 'http' }, 5, []);
    assert.deepEqual(found, { nodes: [], ports: null, unusable: [] });
  });

  it('takes a pod of two families once, by IPv4, unless another family is asked for', () => {
    const slices = [
      slice(
        [
          { address: 'fd00::1', uid: 'a' },
          { address: 'fd00::2', uid: 'b' },
        ],
        { addressType: 'IPv6' },
      ),
      slice([{ address: '10.0.0.1', uid: 'a' }]),
      slice([{ address: 'db.example.com' }], { addressType: 'FQDN' }),
    ];
    assert.deepEqual(weights(slices), { '10.0.0.1:8080': 5, 'db.example.com:8080': 5, 'fd00::2:8080': 5 });
    assert.deepEqual(weights(slices, { ...ANY, addressType: 'IPv6' }), { 'fd00::1:8080': 5, 'fd00::2:8080': 5 });
    assert.deepEqual(weights(slices, { ...ANY, addressType: 'FQDN' }), { 'db.example.com:8080': 5 });
  });

  it('takes an endpoint that is in two slices at once for ready if one of them says so', () => {
    const ending = { address: '10.0.0.1', ready: false, serving: true, terminating: true };
    assert.deepEqual(weights([slice([ending]), slice([{ address: '10.0.0.1' }])]), { '10.0.0.1:8080': 5 });
  });

  it('leaves out and reports what can’t be reached', () => {
    const bad = slice([{ address: 'no address' }, { address: '10.0.0.1' }]);
    const found = nodesOfSlices([bad], ANY, 5, []);
    assert.equal(found.nodes.length, 1);
    assert.match(found.unusable[0]!, /the EndpointSlice "default\/web-abc" has the address "no address"/);
    const port = slice([{ address: '10.0.0.1' }], { ports: [{ name: 'http', port: 70_000 }] });
    assert.match(nodesOfSlices([port], ANY, 5, []).unusable[0]!, /the port 70000/);
  });

  it('tells zone, node, pod and hints, and no more', () => {
    const rich = slice([{ address: '10.0.0.1', zone: 'a', node: 'n', uid: 'u', hints: ['a', 'b'] }]);
    const { nodes } = nodesOfSlices([rich], ANY, 5, ['t']);
    assert.deepEqual(nodes[0]?.metadata, { zone: 'a', node: 'n', pod: 'pod-u', hint_zones: 'a,b' });
    assert.deepEqual(nodes[0]?.tags, ['t']);
  });

  it('leaves out and reports the slice that is none, and of a slice the endpoints that are none', () => {
    const good = endpointSlice([{ address: '10.0.0.1' }]);
    const read = (wrong: Record<string, unknown>) => {
      const kept = readSlice({ ...good, ...wrong }, 'default/odd');
      assert.equal(kept?.key, 'default/web');
      const { nodes, unusable } = nodesOfSlices([kept.value, slice([{ address: '10.0.0.2' }])], ANY, 5, []);
      return [...unusable, ...nodes.map(({ host }) => host)];
    };
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ endpoints: {} }, /^the EndpointSlice "default\/odd" has something else than a list of endpoints$/],
      [{ ports: 'x' }, /something else than a list of ports/],
      [{ ports: [1] }, /something else than a list of ports/],
      [{ addressType: 'IPX' }, /has the addressType "IPX"/],
      [{ addressType: undefined }, /has no addressType/],
      [{ endpoints: [1] }, /^an endpoint in the EndpointSlice "default\/odd" is not an object$/],
      [{ endpoints: [{ conditions: [] }] }, /has conditions that are no object/],
    ];
    for (const [wrong, clause] of cases) {
      const [said = '', ...hosts] = read(wrong);
      assert.match(said, clause);
      assert.deepEqual(hosts, ['10.0.0.2']);
    }
    assert.deepEqual(read({ endpoints: [null, { addresses: ['10.0.0.1'], targetRef: 1, hints: 1 }] }).slice(1), [
      '10.0.0.1',
      '10.0.0.2',
    ]);
  });

  it('refuses a slice of which it does not know whose it is', () => {
    const metadata = { name: 'x', namespace: 'y', labels: 'z' };
    assert.throws(() => readSlice({ metadata, addressType: 'IPv4' }, 'y/x'), { code: 'DISCOVERY_ANSWER' });
  });

  it('gives the same nodes in whatever order slices and endpoints come, each address once', () => {
    const endpoint = fc.record(
      {
        address: fc.integer({ min: 1, max: 6 }).map((last) => `10.0.0.${last}`),
        ready: fc.boolean(),
        serving: fc.boolean(),
        terminating: fc.boolean(),
      },
      { requiredKeys: ['address'] },
    );
    const lists = fc.array(fc.array(endpoint, { maxLength: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(lists, (all) => {
        const forward = all.map((list) => slice(list));
        const backward = all.toReversed().map((list) => slice(list.toReversed()));
        const found = nodesOfSlices(forward, ANY, 1, []).nodes;
        assert.deepEqual(
          found.map(({ host, weight }) => [host, weight]),
          nodesOfSlices(backward, ANY, 1, []).nodes.map(({ host, weight }) => [host, weight]),
        );
        assert.equal(new Set(found.map(({ host }) => host)).size, found.length);
        const serving = all.flat().some(({ ready, serving, terminating }) => {
          return terminating ? (serving ?? ready ?? true) : (ready ?? true);
        });
        assert.equal(
          found.some(({ weight }) => weight > 0),
          serving,
        );
      }),
    );
  });
});
