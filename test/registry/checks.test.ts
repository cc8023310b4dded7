import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Timer } from '../../src/core/clock.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RegistryHarness } from './harness.ts';

/** A real HTTP server. Resolves with its port. */
async function serve(t: TestContext, handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test('a TTL check starts critical, passes while it is fed, and expires', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  await registry.register({ Name: 'a', Check: { TTL: '10s' } });
  assert.equal(await registry.statusOf('service:a'), 'critical');
  await registry.put('/v1/agent/check/pass/service:a?note=well');
  for (let round = 0; round < 3; round++) {
    clock.advance(9_000);
    assert.equal(await registry.statusOf('service:a'), 'passing');
    await registry.put('/v1/agent/check/pass/service:a?note=well');
  }
  clock.advance(9_999);
  assert.equal(await registry.statusOf('service:a'), 'passing');
  clock.advance(1);
  const check = (await registry.get('/v1/agent/checks')).json['service:a'];
  assert.equal(check.Status, 'critical');
  assert.equal(check.Output, 'TTL expired (last output before timeout follows): well');
});

test('warn, fail and update set what they say; registering again counts as a sign of life', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  const body = { Name: 'a', Check: { TTL: '10s' } };
  await registry.register(body);
  await registry.put('/v1/agent/check/warn/service:a');
  assert.equal(await registry.statusOf('service:a'), 'warning');
  await registry.put('/v1/agent/check/fail/service:a');
  assert.equal(await registry.statusOf('service:a'), 'critical');
  await registry.put('/v1/agent/check/update/service:a', { Status: 'passing', Output: 'o' });
  clock.advance(9_000);
  await registry.register(body);
  clock.advance(9_000);
  assert.equal(await registry.statusOf('service:a'), 'passing');
});

test('a service that stays critical for too long is deregistered, one that recovers is not', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  await registry.register({ Name: 'a', Check: { TTL: '10s', DeregisterCriticalServiceAfter: '60s' } });
  await registry.register({ Name: 'b', Check: { TTL: '10s', DeregisterCriticalServiceAfter: '60s' } });
  clock.advance(59_000);
  await registry.put('/v1/agent/check/pass/service:b');
  clock.advance(1_000);
  assert.deepEqual(Object.keys((await registry.get('/v1/agent/services')).json), ['b']);
  clock.advance(9_000 + 59_999);
  assert.deepEqual(Object.keys((await registry.get('/v1/agent/services')).json), ['b']);
  clock.advance(1);
  assert.deepEqual((await registry.get('/v1/agent/services')).json, {});
  assert.equal(clock.pending, 0);
});

test('an HTTP check asks the URL as it was told to and follows the status of the answer', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  let status = 200;
  const asked: string[] = [];
  const port = await serve(t, (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${request.headers['x-key']} ${body}`);
      response.writeHead(status).end('x'.repeat(100_000));
    });
  });
  const check = {
    HTTP: `http://127.0.0.1:${port}/health?a=1`,
    Method: 'POST',
    Header: { 'X-Key': ['k'] },
    Body: '{}',
    Interval: '10s',
  };
  await registry.register({ Name: 'a', Port: port, Check: check });
  assert.equal(await registry.statusOf('service:a'), 'critical');
  clock.advance(100);
  await registry.until('a', 'service:a', 'passing');
  assert.deepEqual(asked, ['POST /health?a=1 k {}']);
  for (const [code, expected] of [
    [429, 'warning'],
    [204, 'passing'],
    [500, 'critical'],
    [302, 'critical'],
  ] as const) {
    status = code;
    clock.advance(10_000);
    if (code !== 302) await registry.until('a', 'service:a', expected);
  }
  const { Output } = (await registry.get('/v1/agent/checks')).json['service:a'];
  assert.ok(Output.startsWith(`HTTP POST http://127.0.0.1:${port}/health?a=1: `), Output);
  assert.ok(Output.length < 5_000);
});

test('an HTTP check that gets no answer is critical after its timeout', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  const arrived = Promise.withResolvers<void>();
  const port = await serve(t, () => arrived.resolve());
  const check = { HTTP: `http://127.0.0.1:${port}/`, Interval: '10s', Timeout: '2s', Status: 'passing' };
  await registry.register({ Name: 'a', Check: check });
  clock.advance(100);
  await arrived.promise;
  assert.equal(await registry.statusOf('service:a'), 'passing');
  clock.advance(2_000);
  await registry.until('a', 'service:a', 'critical');
  assert.match((await registry.get('/v1/agent/checks')).json['service:a'].Output, /no answer within 2000 ms/);
});

test('a TCP check passes while a connection can be made', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  const port = await serve(t, () => {});
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const closedPort = (closed.address() as AddressInfo).port;
  closed.close();
  await registry.register({ Name: 'a', Check: { TCP: `127.0.0.1:${port}`, Interval: '10s' } });
  await registry.register({
    Name: 'b',
    Check: { TCP: `127.0.0.1:${closedPort}`, Interval: '10s', Status: 'passing' },
  });
  clock.advance(100);
  await registry.until('a', 'service:a', 'passing');
  await registry.until('b', 'service:b', 'critical');
});

/** Counts the probes that were planned: after each finding comes one. */
class ProbeClock extends FakeClock {
  planned = 0;

  override after(ms: number, task: () => void): Timer {
    if (ms === 1_000) this.planned += 1;
    return super.after(ms, task);
  }
}

test('with FailuresBeforeCritical a check turns critical at that failure in a row', async (t) => {
  const clock = new ProbeClock();
  const registry = await RegistryHarness.start(t, clock);
  let status = 200;
  const port = await serve(t, (_, response) => void response.writeHead(status).end());
  const round = async (code: number) => {
    status = code;
    const { planned } = clock;
    clock.advance(1_000);
    while (clock.planned === planned) await new Promise((resolve) => setImmediate(resolve));
  };
  const check = { HTTP: `http://127.0.0.1:${port}/`, Interval: '1s', FailuresBeforeCritical: 3 };
  await registry.register({ Name: 'a', Check: check });
  const seen: unknown[] = [];
  for (const code of [200, 500, 500, 200, 500, 500, 500]) {
    await round(code);
    seen.push(await registry.statusOf('service:a'));
  }
  assert.deepEqual(seen, ['passing', 'passing', 'passing', 'passing', 'passing', 'passing', 'critical']);
});

test('a question under way when its service leaves is dropped', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  const asked = Promise.withResolvers<IncomingMessage>();
  const port = await serve(t, (request) => asked.resolve(request));
  await registry.register({ Name: 'a', Check: { HTTP: `http://127.0.0.1:${port}/`, Interval: '10s' } });
  clock.advance(100);
  const request = await asked.promise;
  const closed = once(request.socket, 'close');
  await registry.put('/v1/agent/service/deregister/a');
  await closed;
  await settle();
  assert.equal(clock.pending, 0);
});

test('a check whose service leaves is asked no more', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  await registry.register({ Name: 'a', Check: { TCP: '127.0.0.1:1', Interval: '10s' } });
  await registry.put('/v1/agent/service/deregister/a');
  assert.equal(clock.pending, 0);
});
