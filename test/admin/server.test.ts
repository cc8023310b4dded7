import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { AdminServer } from '../../src/admin/server.ts';
import type { AdminViews, RouteView, UpstreamView } from '../../src/admin/views.ts';
import { type Address, formatAddress } from '../../src/core/address.ts';
import { systemClock } from '../../src/core/clock.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { adminViews } from '../support/admin-views.ts';
import { RecordingLog } from '../support/recording-log.ts';

const UPSTREAM: UpstreamView = {
  id: 'auto/orders api',
  type: 'roundrobin',
  sources: [
    {
      type: 'consul',
      service: 'orders',
      args: { tag: 'blue' },
      state: 'stale',
      age_seconds: 12.5,
      reason: 'connection refused',
      cached: false,
      count: 1,
    },
  ],
  state: 'stale',
  age_seconds: 12.5,
  reason: 'connection refused',
  cached: false,
  fail_open: false,
  nodes: [
    {
      host: '10.0.0.1',
      port: 80,
      weight: 1,
      priority: 0,
      health: 'healthy',
      demoted: false,
      ejected: null,
      override: null,
      inflight: 2,
      latency_ms: 1.5,
      requests: { success: 3 },
      tags: ['blue'],
      metadata: { zone: 'a' },
      origin: 'consul: orders (tag=blue)',
    },
  ],
};

const ROUTE: RouteView = {
  id: 'r',
  origin: 'auto',
  hosts: [],
  uris: ['/*'],
  methods: [],
  priority: 0,
  upstream: 'auto/orders api',
  conflicts: ['other'],
};

function views(parts: Partial<AdminViews> = {}): AdminViews {
  return adminViews({
    upstreams: () => [UPSTREAM],
    routes: () => [ROUTE],
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'a 1\n' }),
    ...parts,
  });
}

const later = () => systemClock.now() + 60_000;
/** Fails a close that waits for its deadline. */
const PATIENCE = { timeout: 20_000 };

async function start(t: TestContext, parts: Partial<AdminViews> = {}, host = '127.0.0.1') {
  const log = new RecordingLog();
  const server = new AdminServer({ host, port: 0 }, null, views(parts), log, systemClock);
  const address = await server.start();
  t.after(() => server.close(systemClock.now()), { timeout: 5000 });
  return { server, address, log };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(
  address: Address,
  path: string,
  options: { method?: string; headers?: Record<string, string>; agent?: Agent; body?: string } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  const call = request({ host: address.host, port: address.port, path, agent: false, ...rest });
  call.end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, body: await text(response) };
}

/** Sends bytes as they are and returns everything until the server closes. */
async function askRaw(address: Address, bytes: string): Promise<string> {
  const socket = connect(address.port, address.host);
  socket.end(bytes);
  return text(socket);
}

function assertError(answer: Answer, status: number, message: RegExp): void {
  assert.equal(answer.status, status);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  const parsed = JSON.parse(answer.body);
  assert.deepEqual(Object.keys(parsed), ['error_msg']);
  assert.match(parsed.error_msg, message);
}

test('answers health, readiness, metrics and views', async (t) => {
  let ready = false;
  const { address } = await start(t, {
    ready: () => (ready ? { ready, reasons: [] } : { ready, reasons: ['waiting for consul'] }),
  });
  const health = await ask(address, '/healthz');
  assert.deepEqual([health.status, health.body], [200, 'ok']);
  const waiting = await ask(address, '/readyz');
  assert.equal(waiting.status, 503);
  assert.deepEqual(JSON.parse(waiting.body), { ready: false, reasons: ['waiting for consul'] });
  ready = true;
  assert.equal((await ask(address, '/readyz')).status, 200);
  const metrics = await ask(address, '/metrics');
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(metrics.body, 'a 1\n');
  assert.deepEqual(JSON.parse((await ask(address, '/v1/upstreams')).body), [UPSTREAM]);
  assert.deepEqual(JSON.parse((await ask(address, '/v1/routes')).body), [ROUTE]);
  const one = await ask(address, `/v1/upstreams/${encodeURIComponent(UPSTREAM.id)}`);
  assert.deepEqual(JSON.parse(one.body), UPSTREAM);
  for (const answer of [health, waiting, metrics, one]) {
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  }
});

test('answers HEAD without a body', async (t) => {
  const { address } = await start(t);
  for (const path of ['/healthz', '/readyz', '/metrics', '/v1/upstreams', '/v1/routes']) {
    const answer = await ask(address, path, { method: 'HEAD' });
    assert.deepEqual([answer.status, answer.body], [200, ''], path);
  }
});

test('errors are JSON with error_msg: unknown paths, ids, methods, and requests that are none', async (t) => {
  const { address } = await start(t);
  assertError(await ask(address, '/nothing'), 404, /nothing at this path/);
  assertError(await ask(address, '/v1/upstreams/constructor'), 404, /no upstream/);
  assertError(await ask(address, '/v1/upstreams/%ff'), 400, /not a valid/);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const answer = await ask(address, '/v1/routes', {
      method,
      body: '{"a":',
      headers: { 'content-type': 'application/json', 'content-length': '5' },
    });
    assertError(answer, 405, /only GET and HEAD/);
    assert.equal(answer.headers.allow, 'GET, HEAD');
  }
  assertError(await ask(address, '/nothing', { method: 'POST', body: 'x' }), 404, /nothing at this path/);
  assert.match(await askRaw(address, 'garbage\r\n\r\n'), /^HTTP\/1\.1 400 .*\{"error_msg":"[^"]+"\}$/s);
  assert.match(
    await askRaw(address, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
});

test('a view that throws is told to the log, not to the caller', async (t) => {
  const { address, log } = await start(t, {
    routes: () => {
      throw new Error('secret detail');
    },
    metrics: () => Promise.reject(new Error('secret detail')),
  });
  assertError(await ask(address, '/v1/routes'), 500, /^internal error/);
  assertError(await ask(address, '/metrics'), 500, /^internal error/);
  assert.deepEqual(log.names, ['admin.failed', 'admin.failed']);
  assert.match(log.events[0]!.message, /GET \/v1\/routes: secret detail/);
});

test('a name that only resolves to loopback is refused, and so are other sites', async (t) => {
  const { address } = await start(t);
  const own = formatAddress(address);
  for (const host of [own, `localhost:${address.port}`, 'localhost', '127.0.0.1', '[::1]:80']) {
    assert.equal((await ask(address, '/healthz', { headers: { host } })).status, 200, host);
  }
  for (const host of [
    'attacker.example',
    `attacker.example:${address.port}`,
    '192.0.2.1',
    'localhost.attacker.example',
  ]) {
    assertError(await ask(address, '/metrics', { headers: { host } }), 403, /Host/);
  }
  const refused: Record<string, string>[] = [
    { origin: 'http://attacker.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ];
  for (const headers of refused) assertError(await ask(address, '/v1/routes', { headers }), 403, /refused/);
  for (const headers of [
    { origin: `http://${own}` },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin' },
  ]) {
    assert.equal((await ask(address, '/v1/routes', { headers })).status, 200);
  }
  assert.match(
    await askRaw(address, 'GET /healthz HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1\.1 403 /,
  );
  assert.match(await askRaw(address, 'GET /healthz HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
});

test('an address that others can reach is refused with a remedy', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
    const server = new AdminServer({ host, port: 9180 }, null, views(), new RecordingLog(), systemClock);
    await assert.rejects(server.start(), (error) => {
      assert.ok(error instanceof HeadgateError);
      assert.equal(error.code, 'ADMIN_NOT_LOOPBACK');
      assert.match(error.message, /use 127\.0\.0\.1:9180$/);
      return true;
    });
    await server.close(later());
  }
});

test('a port in use is named with a remedy, and the server can be closed after that', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const server = new AdminServer({ host: '127.0.0.1', port }, null, views(), new RecordingLog(), systemClock);
  await assert.rejects(server.start(), (error) => {
    assert.ok(error instanceof HeadgateError);
    assert.equal(error.code, 'ADMIN_LISTEN');
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*stop the program`));
    return true;
  });
  await server.close(later());
  await server.close(later());
});

test('listens on localhost by name', async (t) => {
  const { address } = await start(t, {}, 'localhost');
  assert.equal(address.host, '127.0.0.1');
  assert.equal((await ask(address, '/healthz')).status, 200);
});

test('closing waits neither for idle scrapers nor for connections that never sent anything', PATIENCE, async (t) => {
  const { server, address } = await start(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await ask(address, '/metrics', { agent });
  const silent = connect(address.port, address.host);
  await once(silent, 'connect');
  await ask(address, '/healthz');
  const ended = once(silent, 'close');
  silent.on('error', () => {});
  await server.close(later());
  await ended;
});

test('closing lets an answer end, and does not wait for its connection afterwards', PATIENCE, async (t) => {
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const { server, address } = await start(t, {
    metrics: async () => {
      asked.resolve();
      await gate.promise;
      return { contentType: 'text/plain', text: 'late' };
    },
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const answer = ask(address, '/metrics', { agent });
  await asked.promise;
  const closed = server.close(later());
  gate.resolve();
  assert.equal((await answer).body, 'late');
  await closed;
});

test('closing cuts an answer that takes longer than the deadline', PATIENCE, async (t) => {
  const asked = Promise.withResolvers<void>();
  const { server, address } = await start(t, {
    metrics: () => {
      asked.resolve();
      return new Promise(() => {});
    },
  });
  const answer = assert.rejects(ask(address, '/metrics'), /hang up|ECONNRESET/);
  await asked.promise;
  await server.close(systemClock.now() + 50);
  await answer;
});
