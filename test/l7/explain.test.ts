import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashText } from '../../src/balancers/hash.ts';
import { CidrSet } from '../../src/core/cidr.ts';
import { explain } from '../../src/l7/explain.ts';
import type { HttpSettings } from '../../src/l7/settings.ts';
import { Health } from '../../src/upstream/node-table.ts';
import type { PlannedRoute } from '../../src/upstream/plan.ts';
import { TestPlane, type UpstreamOptions } from '../support/plane.ts';
import { plainUpstream } from '../support/planned.ts';

const SETTINGS: HttpSettings = {
  headTimeoutMs: 1,
  idleTimeoutMs: 1,
  limits: { maxBytes: 1024, maxFields: 20 },
  trusted: new CidrSet(['10.0.0.0/8']),
};
const nodes = [1, 2, 3, 4].map((port) => ({ host: '10.9.9.9', port }));

function setup(routes: readonly Partial<PlannedRoute>[], upstream: UpstreamOptions = {}) {
  const plane = new TestPlane({ nodes, upstream });
  plane.setRoutes(routes);
  const ask = (head: string, client = '192.0.2.1', breaker: 'route' | 'upstream' | null = null) =>
    explain(
      { head: `${head}\r\n\r\n`, client },
      {
        snapshot: plane.snapshots.current,
        table: plane.table,
        settings: SETTINGS,
        now: plane.clock.now(),
        breakerOf: () => breaker,
      },
    );
  return { plane, ask };
}

const API = { id: 'api', hosts: ['api.test'], uris: ['/orders/*'] };
const ROUTES: readonly Partial<PlannedRoute>[] = [
  API,
  { id: 'post', hosts: ['api.test'], uris: ['/orders/7'], methods: ['POST'] },
  { id: 'office', hosts: ['api.test'], uris: ['/orders/7'], remoteAddrs: ['203.0.113.0/24'] },
  { id: 'any', uris: ['/*'] },
  { id: 'wild', hosts: ['*.test'], uris: ['/other'] },
  { id: 'other', hosts: ['www.test'], uris: ['/*'] },
];

describe('explanation: routes', () => {
  it('tells of every route why it is taken or not, those considered first', () => {
    const { ask } = setup(ROUTES);
    const { routes, route, request, target } = ask('GET /orders/7?x HTTP/1.1\r\nHost: API.test:80');
    assert.deepEqual(
      routes.map(({ id, verdict }) => [id, verdict]),
      [
        ['post', 'method'],
        ['office', 'remote-address'],
        ['api', 'taken'],
        ['any', 'precedence'],
        ['wild', 'path'],
        ['other', 'host'],
      ],
    );
    assert.deepEqual([route, target], ['api', '/orders/7?x']);
    assert.deepEqual(request, { method: 'GET', host: 'api.test', path: '/orders/7', client: '192.0.2.1' });
  });

  it('believes trusted proxies about the client, as the data path does', () => {
    const { ask } = setup(ROUTES);
    const head = 'GET /orders/7 HTTP/1.1\r\nHost: api.test\r\nX-Forwarded-For: 203.0.113.9';
    assert.equal(ask(head, '10.1.1.1').route, 'office');
    assert.equal(ask(head, '192.0.2.1').route, 'api');
  });

  it('says that no route takes it, or that it would be refused', () => {
    const { ask } = setup([API]);
    const none = ask('GET / HTTP/1.1\r\nHost: x');
    assert.deepEqual([none.route, none.upstream, none.routes[0]?.verdict], [null, null, 'host']);
    assert.equal(ask('GET / HTTP/1.1\r\nContent-Length: x').refused?.status, 400);
    assert.equal(
      ask('GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3').refused?.status,
      400,
    );
    assert.equal(ask(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2000)}`).refused?.status, 431);
  });

  it('lists a hundred, and counts the others', () => {
    const { ask } = setup(Array.from({ length: 250 }, (_, index) => ({ id: `r${index}`, uris: [`/${index}`] })));
    const { routes, more_routes, route } = ask('GET /249 HTTP/1.1\r\nHost: x');
    assert.deepEqual([routes.length, more_routes, routes[0]?.id, route], [100, 150, 'r249', 'r249']);
  });

  it('names the breaker that is open', () => {
    assert.equal(
      setup([API]).ask('GET /orders/1 HTTP/1.1\r\nHost: api.test', '192.0.2.1', 'upstream').breaker,
      'upstream',
    );
  });
});

describe('explanation: nodes', () => {
  const GET = 'GET / HTTP/1.1\r\nHost: x';
  const all = [{ id: 'any', uris: ['/*'] }];

  it('tells of every node why it is a candidate or not', () => {
    const { plane, ask } = setup(all);
    const slots = nodes.map((node) => plane.slotOf(node)) as [number, number, number, number];
    plane.table.setHealth(slots[1], Health.unhealthy);
    plane.table.eject(slots[2], plane.clock.now() + 60_000);
    plane.table.begin(slots[0]);
    plane.table.observeLatency(slots[0], 2500);
    const { upstream } = ask(GET);
    plane.table.end(slots[0]);
    assert.deepEqual(
      upstream?.nodes.map(({ node, excluded, health, inflight, latency_ms }) => [
        node,
        excluded,
        health,
        inflight,
        latency_ms,
      ]),
      [
        ['10.9.9.9:1', null, 'unknown', 1, 2.5],
        ['10.9.9.9:2', 'unhealthy', 'unhealthy', 0, null],
        ['10.9.9.9:3', 'ejected', 'unknown', 0, null],
        ['10.9.9.9:4', null, 'unknown', 0, null],
      ],
    );
    assert.deepEqual(upstream?.pools, [{ key: '0', share: 1, nodes: 2 }]);
  });

  it('picks what the next request would get, and changes nothing by asking', () => {
    const { plane, ask } = setup(all);
    const pick = () =>
      plane.snapshots.current.upstreams.get('test')!.pick({ hash: 0, now: plane.clock.now(), tried: [] }, null);
    pick();
    for (let round = 0; round < 8; round++) {
      const told = [ask(GET), ask(GET), ask(GET)].map(({ upstream }) => upstream?.pick);
      const picked = `10.9.9.9:${pick()!.node.port}`;
      assert.deepEqual(told, [picked, picked, picked]);
    }
    assert.equal(plane.inflight, 0);
  });

  it('shows weights in slow start', () => {
    const slowStart = { windowMs: 10_000, minFactor: 0.1, aggression: 1 };
    const { plane, ask } = setup(all, { spread: { ...plainUpstream.spread, slowStart } });
    plane.table.beginRamp(plane.slotOf(nodes[0]!), plane.clock.now() + 1);
    const [first, second] = ask(GET).upstream!.nodes;
    assert.deepEqual([first?.slow_start, first?.weight, second?.slow_start], [0.1, 0.1, 1]);
  });
});

describe('explanation: keys and cookies', () => {
  it('shows the node that chash gives the request', () => {
    const { plane, ask } = setup([API], {
      balancer: { type: 'chash', decayMs: 1, boundedLoad: 0 },
      hash: { on: 'vars', key: 'arg_user' },
    });
    const upstream = plane.snapshots.current.upstreams.get('test')!;
    const seen = new Set<string>();
    for (let user = 0; user < 20; user++) {
      const { upstream: told } = ask(`GET /orders/7?user=${user} HTTP/1.1\r\nHost: api.test`);
      const picked = upstream.pick({ hash: hashText(String(user)), now: plane.clock.now(), tried: [] }, null)!;
      assert.equal(told?.pick, `10.9.9.9:${picked.node.port}`);
      seen.add(told.pick);
    }
    assert.equal(seen.size, 4);
  });

  it('shows the node that the client is bound to', () => {
    const sticky = { cookie: 'hg', secret: 'a secret for tests', attributes: '' };
    const { plane, ask } = setup([API], { sticky });
    const upstream = plane.snapshots.current.upstreams.get('test')!;
    for (const handle of upstream.handles) {
      const cookie = `Cookie: hg=${upstream.tokenOf(handle)}`;
      const { upstream: told } = ask(`GET /orders/7 HTTP/1.1\r\nHost: api.test\r\n${cookie}`);
      assert.equal(told?.pick, `10.9.9.9:${handle.node.port}`);
    }
  });
});
