import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SrvRecord } from '../../src/discovery/dns-message.ts';
import { addressTypes, dnsService, lookupTypes } from '../../src/discovery/dns-options.ts';
import { type ResolvedSrv, srvNodes } from '../../src/discovery/dns-srv.ts';
import { QueryFault } from '../../src/discovery/query-fault.ts';
import { candidateNames, parseResolvConf } from '../../src/discovery/resolv-conf.ts';

function read(service: string, args: Record<string, string> = {}) {
  return dnsService({ source: 'dns', service, args });
}

describe('service names of DNS', () => {
  it('have a name, maybe a port, maybe a final dot', () => {
    assert.deepEqual(read('web.example.com:8080'), {
      name: 'web.example.com',
      absolute: false,
      port: 8080,
      srvOnly: false,
    });
    assert.deepEqual(read('web.example.com.:80'), {
      name: 'web.example.com',
      absolute: true,
      port: 80,
      srvOnly: false,
    });
    assert.deepEqual(read('web'), { name: 'web', absolute: false, port: null, srvOnly: false });
    assert.deepEqual(read('_http._tcp.web.example'), {
      name: '_http._tcp.web.example',
      absolute: false,
      port: null,
      srvOnly: true,
    });
  });

  it('are refused with a reason', () => {
    for (const [service, reason] of [
      ['', /is not a name/],
      ['a b', /is not a name/],
      ['-web', /is not a name/],
      ['web:0', /a port that is none/],
      ['web:70000', /a port that is none/],
      ['web:http', /is not a name/],
      ['10.0.0.1:80', /is an address/],
      ['2001:db8::1', /is an address/],
      [`${'a'.repeat(64)}.example`, /is not a name/],
      ['a..b', /is not a name/],
    ] as const) {
      const fault = read(service);
      assert.ok(fault instanceof QueryFault, service);
      assert.match(fault.message, reason);
    }
    const fault = read('web:80', { tag: 'x' });
    assert.ok(fault instanceof QueryFault);
    assert.equal(fault.message, 'discovery_args.tag is not known: there are none for dns');
  });

  it('say which types to ask for', () => {
    const types = (service: string, order: Parameters<typeof lookupTypes>[1]) => {
      const parsed = read(service);
      return parsed instanceof QueryFault ? parsed : lookupTypes(parsed, order);
    };
    assert.deepEqual(types('web', ['SRV', 'A', 'AAAA']), ['SRV', 'A', 'AAAA']);
    assert.deepEqual(types('web:80', ['SRV', 'AAAA', 'A']), ['AAAA', 'A']);
    assert.deepEqual(types('web:80', ['SRV']), ['A', 'AAAA']);
    assert.deepEqual(types('_http._tcp.web', ['A']), ['SRV']);
    assert.deepEqual(types('_http._tcp.web:81', ['A']), ['SRV']);
    assert.deepEqual(addressTypes(['SRV', 'A']), ['A']);
  });
});

describe('resolv.conf', () => {
  it('gives servers, search domains and ndots; the last of domain and search counts', () => {
    const text = [
      '# a comment',
      'nameserver 10.96.0.10 ; the cluster',
      'nameserver 2001:db8::53',
      'nameserver not-an-address',
      'domain example.com',
      'search default.svc.cluster.local svc.cluster.local. cluster.local',
      'options timeout:1 ndots:5',
      'sortlist 10.0.0.0',
    ].join('\n');
    assert.deepEqual(parseResolvConf(text), {
      servers: [
        { host: '10.96.0.10', port: 53 },
        { host: '2001:db8::53', port: 53 },
      ],
      search: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
      ndots: 5,
    });
    assert.deepEqual(parseResolvConf('search a b\ndomain c.example'), { servers: [], search: ['c.example'], ndots: 1 });
    assert.equal(parseResolvConf('options ndots:99').ndots, 15);
    assert.equal(parseResolvConf('options ndots:x').ndots, 1);
  });

  it('decides which complete names a name may mean', () => {
    const settings = { servers: [], search: ['ns.svc.local', 'svc.local'], ndots: 2 };
    assert.deepEqual(candidateNames('web', false, settings), ['web.ns.svc.local', 'web.svc.local', 'web']);
    assert.deepEqual(candidateNames('a.b.c', false, settings), ['a.b.c', 'a.b.c.ns.svc.local', 'a.b.c.svc.local']);
    assert.deepEqual(candidateNames('web', true, settings), ['web']);
    assert.deepEqual(candidateNames('web', false, { ...settings, search: [] }), ['web']);
    const long = `${'a'.repeat(60)}.`.repeat(4).slice(0, -1);
    assert.deepEqual(candidateNames(long, false, { ...settings, ndots: 9 }), [`${long}.svc.local`, long]);
  });
});

function resolved(
  target: string,
  priority: number,
  weight: number,
  addresses: readonly string[],
  port = 80,
): ResolvedSrv {
  const record: SrvRecord = { name: '_http._tcp.web', type: 'SRV', ttl: 5, target, port, priority, weight };
  return { record, addresses };
}

function weights(records: readonly ResolvedSrv[]): Record<string, number> {
  return Object.fromEntries(srvNodes(records, null).map((node) => [node.host, node.weight]));
}

describe('nodes of SRV records', () => {
  it('prefer the lower priority and keep ordinary weights', () => {
    const nodes = srvNodes([resolved('a', 10, 60, ['1.1.1.1'], 9001), resolved('b', 20, 40, ['2.2.2.2'], 9002)], null);
    assert.deepEqual(nodes, [
      { host: '1.1.1.1', port: 9001, weight: 60, priority: -10, metadata: { target: 'a' }, tags: [] },
      { host: '2.2.2.2', port: 9002, weight: 40, priority: -20, metadata: { target: 'b' }, tags: [] },
    ]);
    assert.deepEqual(
      srvNodes([resolved('a', 0, 1, ['1.1.1.1'], 9001)], 81).map(({ port, priority }) => [port, priority]),
      [[81, 0]],
    );
  });

  it('are equal where all weights are 0, and give a 0 among others a very small chance', () => {
    assert.deepEqual(weights([resolved('a', 1, 0, ['1.1.1.1']), resolved('b', 1, 0, ['2.2.2.2'])]), {
      '1.1.1.1': 1,
      '2.2.2.2': 1,
    });
    assert.deepEqual(weights([resolved('a', 1, 5, ['1.1.1.1']), resolved('b', 1, 0, ['2.2.2.2'])]), {
      '1.1.1.1': 500,
      '2.2.2.2': 5,
    });
    assert.deepEqual(weights([resolved('a', 1, 5, ['1.1.1.1']), resolved('b', 2, 0, ['2.2.2.2'])]), {
      '1.1.1.1': 5,
      '2.2.2.2': 1,
    });
  });

  it('divide the weight of a target among its addresses', () => {
    const records = [resolved('a', 1, 10, ['1.1.1.1', '1.1.1.2', '1.1.1.3']), resolved('b', 1, 10, ['2.2.2.2'])];
    assert.deepEqual(weights(records), { '1.1.1.1': 333, '1.1.1.2': 333, '1.1.1.3': 333, '2.2.2.2': 1000 });
  });

  it('keep every share but for rounding, and never leave a node without weight', () => {
    const target = fc.record({
      weight: fc.integer({ min: 1, max: 65_535 }),
      addresses: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(target, { minLength: 1, maxLength: 8 }), (targets) => {
        const records = targets.map(({ weight, addresses }, index) =>
          resolved(
            `t${index}`,
            1,
            weight,
            Array.from({ length: addresses }, (_, each) => `10.${index}.0.${each}`),
          ),
        );
        const nodes = srvNodes(records, null);
        assert.ok(nodes.every(({ weight }) => Number.isInteger(weight) && weight >= 1 && weight <= 1_000_000));
        const total = (of: string) =>
          nodes.filter((node) => node.metadata.target === of).reduce((sum, { weight }) => sum + weight, 0);
        const largest = Math.max(...targets.map(({ weight }) => weight));
        const scale = total(`t${targets.findIndex(({ weight }) => weight === largest)}`) / largest;
        targets.forEach(({ weight }, index) => {
          const error = Math.abs(total(`t${index}`) - weight * scale);
          assert.ok(error <= Math.max(5, 0.02 * largest * scale), `${total(`t${index}`)} for ${weight} × ${scale}`);
        });
      }),
    );
  });
});
