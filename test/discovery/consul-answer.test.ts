import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HeadgateError } from '../../src/core/errors.ts';
import {
  type InstanceRules,
  parseCatalog,
  parseHealth,
  parsePreparedQuery,
} from '../../src/discovery/consul-answer.ts';
import { consulEntry } from '../support/consul-entries.ts';

const RULES: InstanceRules = { defaultWeight: 1, passingOnly: false, tags: [], nearest: null };

describe('an answer of Consul on a service', () => {
  it('becomes nodes with weight, tags and metadata', () => {
    const { nodes, unusable } = parseHealth(
      [consulEntry({ tags: ['a', 'b'], meta: { zone: 'z1' }, weights: { Passing: 5, Warning: 2 } })],
      RULES,
    );
    assert.deepEqual(nodes, [
      {
        host: '10.0.0.1',
        port: 8080,
        weight: 5,
        priority: 0,
        metadata: { datacenter: 'dc1', node: 'n1', zone: 'z1' },
        tags: ['a', 'b'],
      },
    ]);
    assert.deepEqual(unusable, []);
    assert.ok(Object.isFrozen(nodes[0]));
  });

  it('may be empty', () => {
    assert.deepEqual(parseHealth([], RULES).nodes, []);
  });

  it('takes the address of the node where the instance gives none', () => {
    assert.equal(
      parseHealth([consulEntry({ address: '', nodeAddress: '10.1.1.1' })], RULES).nodes[0]?.host,
      '10.1.1.1',
    );
  });

  it('leaves out critical instances and takes the other weight for those that warn', () => {
    const warning = [{ Status: 'passing' }, { Status: 'warning' }];
    const critical = [{ Status: 'warning' }, { Status: 'critical' }, { Status: 'passing' }];
    const weights = { Passing: 10, Warning: 3 };
    const { nodes } = parseHealth(
      [
        consulEntry({ port: 1, weights, checks: warning }),
        consulEntry({ port: 2, weights, checks: critical }),
        consulEntry({ port: 3, weights, checks: null }),
      ],
      RULES,
    );
    assert.deepEqual(
      nodes.map((each) => [each.port, each.weight]),
      [
        [1, 3],
        [3, 10],
      ],
    );
  });

  it('takes the default weight where none was registered or it makes no sense', () => {
    const cases: [unknown, number][] = [
      [undefined, 7],
      [{ Passing: 1, Warning: 1 }, 7],
      [{ Passing: -3, Warning: 1 }, 7],
      [{ Passing: '9', Warning: 1 }, 7],
      [{ Passing: 0, Warning: 0 }, 0],
      [{ Passing: 1e9, Warning: 1 }, 65_535],
    ];
    for (const [weights, expected] of cases) {
      assert.equal(
        parseHealth([consulEntry({ weights })], { ...RULES, defaultWeight: 7 }).nodes[0]?.weight,
        expected,
        JSON.stringify(weights),
      );
    }
  });

  it('is the same whatever the order of the instances, and has each address once', () => {
    const entries = [
      consulEntry({ id: 'b', port: 80, tags: ['two'] }),
      consulEntry({ id: 'a', port: 80, tags: ['one'] }),
      consulEntry({ id: 'c', port: 9 }),
      consulEntry({ id: 'd', address: '10.0.0.0' }),
    ];
    const { nodes } = parseHealth(entries, RULES);
    assert.deepEqual(
      nodes.map((each) => `${each.host}:${each.port} ${each.tags}`),
      ['10.0.0.0:8080 ', '10.0.0.1:9 ', '10.0.0.1:80 one,two'],
    );
    assert.deepEqual(parseHealth(entries.toReversed(), RULES).nodes, nodes);
  });

  it('leaves out what can not be used and says why, as long as something is left', () => {
    const { nodes, unusable } = parseHealth(
      [
        consulEntry({ id: 'ok' }),
        consulEntry({ id: 'far', port: 70_000 }),
        consulEntry({ id: 'none', port: 0 }),
        consulEntry({ id: 'odd', address: 'a b' }),
      ],
      RULES,
    );
    assert.equal(nodes.length, 1);
    assert.equal(unusable.length, 3);
    assert.match(
      unusable.join(),
      /"far" has the port 70000.*"none" is registered without a port.*"odd" has the address "a b"/,
    );
    assert.throws(() => parseHealth([consulEntry({ port: 70_000 })], RULES), /no instance that can be used.*70000/);
  });

  it('leaves out instances that warn, or lack a tag, where that is asked for', () => {
    const entries = [
      consulEntry({ port: 1, checks: [{ Status: 'warning' }], tags: ['V2'] }),
      consulEntry({ port: 2, tags: ['v2', 'blue'] }),
      consulEntry({ port: 3 }),
    ];
    const ports = (rules: Partial<InstanceRules>) =>
      parseHealth(entries, { ...RULES, ...rules }).nodes.map(({ port }) => port);
    assert.deepEqual(ports({}), [1, 2, 3]);
    assert.deepEqual(ports({ passingOnly: true }), [2, 3]);
    assert.deepEqual(ports({ tags: ['v2'] }), [1, 2]);
    assert.deepEqual(ports({ tags: ['v2', 'blue'], passingOnly: true }), [2]);
  });

  it('puts all but the nearest a tier lower, in the order of the answer and by address', () => {
    const entries = [
      consulEntry({ id: 'z', port: 9 }),
      consulEntry({ id: 'y', port: 9 }),
      consulEntry({ id: 'x', port: 2 }),
      consulEntry({ id: 'w', port: 1 }),
    ];
    const { nodes } = parseHealth(entries, { ...RULES, nearest: 2 });
    assert.deepEqual(
      nodes.map(({ port, priority }) => [port, priority]),
      [
        [1, -1],
        [2, 0],
        [9, 0],
      ],
    );
  });

  it('takes the metadata of the machine where the instance says nothing, but no routes from there', () => {
    const entry = consulEntry({
      meta: { zone: 'own' },
      nodeMeta: { zone: 'z', rack: 'r1', node: 'alias', 'consul-version': '1', 'headgate-path': '/', headgate_x: '1' },
    });
    const { metadata } = parseHealth([entry], RULES).nodes[0]!;
    assert.deepEqual(metadata, { datacenter: 'dc1', node: 'alias', zone: 'own', rack: 'r1' });
  });

  it('may come from a prepared query, and is a failure where there is no such query', () => {
    assert.equal(parsePreparedQuery({ Service: 'web', Nodes: [consulEntry()] }, RULES).nodes.length, 1);
    assert.deepEqual(parsePreparedQuery({ Service: 'web', Nodes: [] }, RULES).nodes, []);
    assert.throws(() => parsePreparedQuery(null, RULES), /no prepared query of this name: see discovery_args.query/);
    assert.throws(() => parsePreparedQuery([], RULES), /it is a list/);
    assert.throws(() => parsePreparedQuery({ Nodes: null }, RULES), /it is null/);
  });

  it('takes metadata for data, whatever the keys', () => {
    const meta = JSON.parse('{"__proto__":"x","constructor":"y","n":5}');
    const metadata = parseHealth([consulEntry({ meta })], RULES).nodes[0]!.metadata;
    assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
    assert.deepEqual(Object.entries(metadata).slice(2), [['constructor', 'y']]);
  });

  it('is refused when it has not the shape', () => {
    const bad: [unknown, RegExp][] = [
      [null, /it is null/],
      [{}, /it is an object/],
      ['no', /it is "no"/],
      [[null], /entry 0 has no "Service"/],
      [[{ Service: [] }], /entry 0 has no "Service"/],
      [[consulEntry({ port: '80' })], /has the port "80"/],
      [[consulEntry({ port: 1.5 })], /has the port 1.5/],
      [[consulEntry({ checks: 'ok' })], /"web-1" has no list of checks: it is "ok"/],
      [[consulEntry({ tags: [1] })], /tags that are not a list of texts/],
    ];
    for (const [body, message] of bad) {
      assert.throws(
        () => parseHealth(body, RULES),
        (error) => error instanceof HeadgateError && error.code === 'DISCOVERY_ANSWER' && message.test(error.message),
      );
    }
  });

  it('lacks nothing but the entries that are none', () => {
    const others = [{ Service: 1 }, 7, consulEntry({ checks: {} }), consulEntry({ tags: 'live' })];
    const { nodes, unusable } = parseHealth([consulEntry({ port: 81 }), ...others], RULES);
    assert.deepEqual(
      nodes.map(({ port }) => port),
      [81],
    );
    assert.deepEqual(unusable, [
      'entry 1 has no "Service" object',
      'entry 2 has no "Service" object',
      'instance "web-1" has no list of checks: it is an object',
      'instance "web-1" has tags that are not a list of texts',
    ]);
  });

  it('is read or refused, but nothing else, whatever JSON it is', () => {
    const entry = fc.record(
      {
        Node: fc.jsonValue(),
        Checks: fc.oneof(fc.jsonValue(), fc.array(fc.record({ Status: fc.jsonValue() }))),
        Service: fc.record(
          {
            ID: fc.jsonValue(),
            Address: fc.jsonValue(),
            Port: fc.oneof(fc.nat(), fc.jsonValue()),
            Meta: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.array(entry)), (body) => {
        for (const parse of [() => parseHealth(body, RULES), () => parseCatalog(body)]) {
          try {
            parse();
          } catch (error) {
            assert.ok(error instanceof HeadgateError, String(error));
          }
        }
      }),
    );
  });
});

describe('an answer of Consul on its catalogue', () => {
  it('becomes entries, without Consul itself', () => {
    assert.deepEqual(parseCatalog({ consul: [], web: ['a'], db: null }), [
      { service: 'web', tags: ['a'] },
      { service: 'db', tags: [] },
    ]);
  });

  it('is refused when it has not the shape', () => {
    for (const body of [null, [], 'x', { web: 'a' }, { web: [1] }])
      assert.throws(() => parseCatalog(body), HeadgateError);
  });
});
