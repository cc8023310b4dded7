import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { documentFrom, emptyDocument } from '../../src/config/document.ts';
import { loadText } from '../../src/config/load.ts';
import { normalise } from '../../src/config/normalise.ts';
import type { Document, DocumentInput } from '../../src/config/types.ts';
import { validDocuments } from './arbitrary.ts';

test('without a file there are the documented defaults', () => {
  assert.deepEqual(emptyDocument(), {
    listen: [{ address: '0.0.0.0:9080' }],
    stream_listen: [],
    admin: { address: '127.0.0.1:9180' },
    workers: 'auto',
    discovery: { ready_timeout: 10, guard: { min_nodes: 5, shrink_percent: 50, shrink_hold: 30, empty_hold: 60 } },
    log: { level: 'info', access: 'off' },
    shutdown: { delay: 5, drain: 30 },
    trusted_addresses: [],
    http: { head_timeout: 10, idle_timeout: 60, max_head_bytes: 16384, max_fields: 100 },
    stream: { idle_timeout: 3600, fin_timeout: 60 },
    routes: [],
    services: [],
    upstreams: [],
    stream_routes: [],
    ssls: [],
  });
});

test('the defaults of a Consul block', () => {
  assert.deepEqual(documentFrom({ discovery: { consul: {} } }).discovery.consul, {
    servers: ['http://127.0.0.1:8500'],
    stale: true,
    cached: false,
    passing_only: true,
    weight: 1,
    skip_services: [],
    concurrency: 16,
    max_watches: 170,
    poll_interval: 5,
    poll_rate: 25,
    timeout: { connect: 2, read: 5, wait: 60 },
  });
  assert.deepEqual(documentFrom({ registry: {} }).registry, { address: '127.0.0.1:8500' });
});

test('the defaults of an upstream and its checks', () => {
  const document = documentFrom({ upstreams: [{ id: 7, nodes: { '[::1]:80': 2 }, checks: { active: {} } }] });
  assert.deepEqual(document.upstreams[0], {
    id: '7',
    type: 'roundrobin',
    hash_on: 'vars',
    bounded_load: false,
    ewma_decay: 10,
    nodes: [{ host: '::1', port: 80, weight: 2, priority: 0, metadata: {} }],
    discovery_args: {},
    panic_threshold: 50,
    overprovisioning: 1.4,
    scheme: 'http',
    on_node_gone: 'finish',
    retry_timeout: 0,
    retry_statuses: [],
    timeout: { connect: 3, send: 60, read: 60 },
    pass_host: 'pass',
    keepalive_pool: { size: 64, idle_timeout: 60, requests: 1000 },
    checks: {
      active: {
        type: 'http',
        timeout: 1,
        concurrency: 10,
        http_path: '/',
        http_method: 'GET',
        req_headers: [],
        body_limit: 65_536,
        https_verify_certificate: true,
        gate: false,
        flap_hold_max: 300,
        healthy: { interval: 1, http_statuses: [200, 302], successes: 2 },
        unhealthy: {
          interval: 1,
          http_statuses: [429, 404, 500, 501, 502, 503, 504, 505],
          http_failures: 5,
          tcp_failures: 2,
          timeouts: 3,
        },
      },
    },
  });
});

test('short forms are written out', () => {
  const document = documentFrom({
    routes: [{ id: 1, uri: '/a', host: 'API.Example', remote_addr: '::1', service_id: 2 }],
    services: [{ id: 2, hosts: ['A.example', 'a.EXAMPLE'], upstream_id: 3 }],
    upstreams: [{ id: 3, nodes: [{ host: 'a', port: 1 }] }],
    stream_routes: [{ id: 4, server_port: 5, upstream_id: 3 }],
  });
  const common = { status: 1, methods: [], priority: 0, importance: 'normal', enable_websocket: true };
  const match = { uris: ['/a'], hosts: ['api.example'], remote_addrs: ['::1'] };
  assert.deepEqual(document.routes, [{ id: '1', ...common, ...match, service_id: '2' }]);
  assert.deepEqual(document.services, [{ id: '2', hosts: ['a.example'], upstream_id: '3' }]);
  assert.deepEqual(document.stream_routes, [{ id: '4', server_port: 5, remote_addrs: [], snis: [], upstream_id: '3' }]);
  const nodes = [{ host: 'a', port: 1, weight: 1, priority: 0, metadata: {} }];
  assert.deepEqual(document.upstreams[0]?.nodes, nodes);
});

test('a document is frozen all the way down and shares nothing with what it was made from', () => {
  const input = { upstreams: [{ id: 'u', nodes: [{ host: 'a', port: 1 }], labels: { a: 'b' } }] };
  const document = documentFrom(input);
  input.upstreams[0]!.labels.a = 'c';
  assert.equal(document.upstreams[0]?.labels?.a, 'b');
  assert.throws(() => Object.assign(document.upstreams[0]!.timeout, { connect: 1 }), TypeError);
  assert.throws(() => Object.assign(document.upstreams[0]!.nodes![0]!, { port: 2 }), TypeError);
  assert.equal(emptyDocument().upstreams.length, 0);
});

test('a document can be posted to another thread', () => {
  const document = documentFrom({ routes: [{ id: 1, uri: '/', upstream: { nodes: {} } }] });
  assert.deepEqual(structuredClone(document), document);
});

test('wrong settings that do not come from a file are named by their path', () => {
  assert.throws(() => documentFrom({ workers: 0, admin: { address: 'x' } }), {
    name: 'HeadgateError',
    code: 'BAD_CONFIG',
    message:
      'workers: must be "auto" or a whole number from 1 to 256, is the number 0; ' +
      'admin.address: "x" is not an address to listen on (write "host:port", such as "0.0.0.0:9080")',
  });
});

function loaded(text: string): Document {
  const result = loadText(text, 'c.yaml', {});
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.warnings, []);
  return result.document;
}

test('valid documents are taken from a file and from a program alike, and come out the same when read again', () => {
  fc.assert(
    fc.property(validDocuments(), (given) => {
      const document = loaded(JSON.stringify(given));
      assert.deepEqual(documentFrom(given as DocumentInput), document);
      assert.deepEqual(loaded(JSON.stringify(document)), document);
      assert.deepEqual(normalise(document as unknown as DocumentInput), document);
      for (const route of document.routes) assert.ok(route.uris.length > 0);
    }),
    { numRuns: 300 },
  );
});
