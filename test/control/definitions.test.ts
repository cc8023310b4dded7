import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentFrom } from '../../src/config/document.ts';
import { defineResources } from '../../src/control/definitions.ts';
import { staticChanges } from '../../src/control/static-settings.ts';

const nodes = { '127.0.0.1:8001': 2 };

describe('defineResources', () => {
  it('says after which answers another node is asked', () => {
    const { upstreams } = defineResources(
      documentFrom({ upstreams: [{ id: 'u', nodes, retry_statuses: [500, 503] }] }),
    );
    assert.deepEqual(upstreams.get('u')!.settings.retryStatuses, [500, 503]);
  });

  it('says how nodes are picked', () => {
    const settingsOf = (upstream: object) => {
      const { upstreams } = defineResources(documentFrom({ upstreams: [{ id: 'u', nodes, ...upstream }] }));
      return upstreams.get('u')!.settings;
    };
    const plain = settingsOf({});
    assert.deepEqual(plain.balancer, { type: 'roundrobin', decayMs: 10_000, boundedLoad: 0 });
    assert.deepEqual([plain.hash, plain.sticky], [null, null]);
    const hashed = settingsOf({ type: 'chash', hash_on: 'cookie', key: 'a', bounded_load: true });
    assert.deepEqual(hashed.balancer, { type: 'chash', decayMs: 10_000, boundedLoad: 1.25 });
    assert.deepEqual(hashed.hash, { on: 'cookie', key: 'a' });
    assert.deepEqual(settingsOf({ type: 'chash', hash_on: 'consumer', bounded_load: 2 }).hash, {
      on: 'consumer',
      key: '',
    });
    assert.equal(settingsOf({ type: 'ewma', ewma_decay: 3 }).balancer.decayMs, 3000);
    const bound = {
      cookie: 'c',
      secret: '0123456789abcdef',
      ttl: 60,
      same_site: 'none',
      secure: true,
      http_only: false,
    };
    assert.deepEqual(settingsOf({ sticky: bound }).sticky, {
      cookie: 'c',
      secret: '0123456789abcdef',
      attributes: 'Path=/; Max-Age=60; SameSite=None; Secure',
    });
    const unsaid = settingsOf({ sticky: { cookie: 'c' } }).sticky!;
    assert.equal(unsaid.attributes, 'Path=/; SameSite=Lax; HttpOnly');
    assert.ok(unsaid.secret.length >= 16);
    assert.deepEqual(settingsOf({ sticky: { cookie: 'c' } }).sticky, unsaid, 'a reload keeps the bindings');
  });

  it('resolves what a route, its service and their upstreams say', () => {
    const { routes, upstreams } = defineResources(
      documentFrom({
        upstreams: [{ id: 'named', nodes, timeout: { connect: 1, send: 2, read: 3 } }],
        services: [
          { id: 'inline', hosts: ['a.example'], upstream: { nodes } },
          { id: 'by-id', upstream_id: 'named', enable_websocket: false },
        ],
        routes: [
          { id: 'own', uri: '/own', upstream: { nodes } },
          { id: 'named', uri: '/named', upstream_id: 'named', timeout: { read: 9 } },
          { id: 'inherits', uri: '/inherits', service_id: 'inline' },
          { id: 'overrides', uri: '/overrides', host: 'B.example', service_id: 'by-id' },
          { id: 'off', uri: '/off', status: 0, upstream_id: 'named' },
        ],
      }),
    );
    assert.deepEqual(
      routes.map(({ id, upstreamId, hosts, websocket }) => [id, upstreamId, hosts.join(), websocket]),
      [
        ['own', 'route:own', '', true],
        ['named', 'named', '', true],
        ['inherits', 'service:inline', 'a.example', true],
        ['overrides', 'named', 'b.example', false],
      ],
    );
    assert.deepEqual(routes[1]?.timeouts, { connect: 1000, send: 2000, read: 9000 });
    assert.deepEqual([...upstreams.keys()].sort(), ['named', 'route:own', 'service:inline']);
    assert.deepEqual(upstreams.get('named')?.sources[0], {
      kind: 'static',
      nodes: [{ host: '127.0.0.1', port: 8001, weight: 2, priority: 0, metadata: {}, tags: [] }],
    });
  });

  it('asks a registry with the filters of its source, which the upstream may override', () => {
    const { upstreams } = defineResources(
      documentFrom({
        discovery: { consul: { tag: 'live' } },
        upstreams: [
          { id: 'plain', service_name: 'web', discovery_type: 'consul' },
          { id: 'own', service_name: 'web', discovery_type: 'consul', discovery_args: { tag: 'canary' } },
        ],
      }),
    );
    const args = ['plain', 'own'].map((id) => {
      const source = upstreams.get(id)?.sources[0];
      return source?.kind === 'service' ? source.query.args : null;
    });
    assert.deepEqual(args, [{ tag: 'live' }, { tag: 'canary' }]);
  });

  it('takes the sources of an upstream in their order, with what each adds to the priority', () => {
    const list = [{ host: '10.0.0.1', port: 80, priority: 3 }];
    const { upstreams } = defineResources(
      documentFrom({
        discovery: { consul: { tag: 'live' }, file: { path: '/nodes' } },
        upstreams: [
          {
            id: 'web',
            sources: [
              { service_name: 'web', discovery_type: 'file' },
              { service_name: 'web', discovery_type: 'consul', priority: -1 },
              { nodes: list, priority: -5 },
              { nodes },
            ],
          },
        ],
      }),
    );
    const about = { weight: 1, metadata: {}, tags: [] };
    assert.deepEqual(upstreams.get('web')?.sources, [
      { kind: 'service', query: { source: 'file', service: 'web', args: {} }, priority: 0 },
      { kind: 'service', query: { source: 'consul', service: 'web', args: { tag: 'live' } }, priority: -1 },
      { kind: 'static', nodes: [{ host: '10.0.0.1', port: 80, priority: -2, ...about }] },
      { kind: 'static', nodes: [{ host: '127.0.0.1', port: 8001, priority: 0, ...about, weight: 2 }] },
    ]);
  });

  it('turns checks into milliseconds, with the port apart', () => {
    const checks = { active: { type: 'tcp' as const, port: 9, healthy: { interval: 0.5 } } };
    const definition = defineResources(documentFrom({ upstreams: [{ id: 'u', nodes, checks }] })).upstreams.get('u');
    assert.equal(definition?.checkPort, 9);
    assert.equal(definition?.checks?.healthy.intervalMs, 500);
    assert.equal(definition?.checks?.unhealthy.tcpFailures, 2);
  });
});

describe('staticChanges', () => {
  it('names the keys that are read at the start only', () => {
    const before = documentFrom({ listen: ['127.0.0.1:1'], routes: [] });
    const after = documentFrom({
      listen: ['127.0.0.1:2'],
      workers: 3,
      routes: [{ id: 'r', uri: '/', upstream: { nodes } }],
    });
    assert.deepEqual(staticChanges(before, after).sort(), ['listen', 'workers']);
    assert.deepEqual(
      staticChanges(before, { ...before, zone: 'b' }),
      [],
      'a zone is for the upstreams, which follow it',
    );
    assert.deepEqual(staticChanges(before, before), []);
  });
});
