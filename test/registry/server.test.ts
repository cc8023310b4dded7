import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { EmbeddedRegistry } from '../../src/registry/server.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RegistryHarness } from './harness.ts';

test('a port in use is reported with the address and a remedy, and closing afterwards is safe', async (t) => {
  const first = await RegistryHarness.start(t, systemClock);
  const second = new EmbeddedRegistry({
    address: first.address,
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    stateFile: null,
  });
  await assert.rejects(second.start(), (error) => {
    assert.ok(error instanceof HeadgateError);
    assert.equal(error.code, 'REGISTRY_LISTEN');
    assert.ok(error.message.includes(`127.0.0.1:${first.address.port}`));
    assert.match(error.message, /set another registry\.address/);
    return true;
  });
  await second.close(0);
});

test('closing ends long polls with the present state and is idempotent', async () => {
  const registry = new RegistryHarness(new FakeClock());
  registry.address = await registry.registry.start();
  await registry.register({ Name: 'a' });
  const { index } = await registry.get('/v1/catalog/services');
  const poll = registry.get(`/v1/catalog/services?index=${index}`);
  await registry.get('/v1/status/leader');
  const [reply] = await Promise.all([poll, registry.close(), registry.close()]);
  assert.deepEqual(reply.json, { a: [] });
  await assert.rejects(registry.get('/v1/status/leader'));
});

/** A request with headers that fetch would not let through. */
function statusWith(registry: RegistryHarness, headers: Record<string, string>): Promise<number | undefined> {
  const { host, port } = registry.address;
  return new Promise((resolve, reject) => {
    request({ host, port, path: '/v1/agent/services', headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

test('what a web page may have sent is refused', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  const own = `127.0.0.1:${registry.address.port}`;
  const table: [Record<string, string>, number][] = [
    [{ host: own }, 200],
    [{ host: 'localhost:8500' }, 200],
    [{ host: '[::1]:8500' }, 200],
    [{ host: 'headgate:8500' }, 200],
    [{ host: own, origin: `http://${own}` }, 200],
    [{ host: own, 'sec-fetch-site': 'none' }, 200],
    [{ host: own, 'sec-fetch-site': 'same-origin' }, 200],
    [{ host: 'evil.example' }, 403],
    [{ host: 'evil.example:8500', origin: 'http://evil.example:8500' }, 403],
    [{ host: '127.0.0.1.evil.example' }, 403],
    [{ host: own, origin: 'http://evil.example' }, 403],
    [{ host: own, origin: 'null' }, 403],
    [{ host: own, origin: `https://${own}` }, 403],
    [{ host: own, 'sec-fetch-site': 'cross-site' }, 403],
    [{ host: own, 'sec-fetch-site': 'same-site' }, 403],
  ];
  for (const [headers, status] of table) {
    assert.equal(await statusWith(registry, headers), status, JSON.stringify(headers));
  }
});

test('the index of a later process is above that of an earlier one', async (t) => {
  const clock = new FakeClock();
  const first = await RegistryHarness.start(t, clock);
  await first.register({ Name: 'a' });
  const { index } = await first.get('/v1/catalog/services');
  clock.advance(120_000);
  const second = await RegistryHarness.start(t, clock);
  assert.ok((await second.get('/v1/catalog/services')).index > index);
});

test('a client that goes away while it waits leaves no wait behind', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  const { index } = await registry.get('/v1/catalog/services');
  const gone = new AbortController();
  const poll = fetch(registry.url(`/v1/catalog/services?index=${index}`), { signal: gone.signal });
  while (clock.pending === 0) await registry.get('/v1/status/leader');
  gone.abort();
  await assert.rejects(poll);
  for (let turn = 0; turn < 100 && clock.pending > 0; turn++) await registry.get('/v1/status/leader');
  assert.equal(clock.pending, 0);
});

test('a client that goes away in the middle of a body is nobody’s fault', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  const socket = connect(registry.address.port, registry.address.host);
  socket.write('PUT /v1/agent/service/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"Name":');
  await registry.get('/v1/status/leader');
  socket.destroy();
  await once(socket, 'close');
  await registry.get('/v1/status/leader');
  await settle();
  assert.deepEqual(registry.log.names, ['registry.listening']);
});

test('changes that matter are events; questions and signs of life are not', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  const body = { Name: 'a', Check: { TTL: '10s', DeregisterCriticalServiceAfter: '1m' } };
  await registry.register(body);
  await registry.register(body);
  await registry.put('/v1/agent/check/pass/service:a');
  await registry.put('/v1/agent/check/pass/service:a');
  await registry.get('/v1/health/service/a');
  clock.advance(70_000);
  await registry.register({ Name: 'b' });
  await registry.put('/v1/agent/service/deregister/b');
  assert.deepEqual(registry.log.names, [
    'registry.listening',
    'registry.registered',
    'registry.check',
    'registry.check',
    'registry.reaped',
    'registry.registered',
    'registry.deregistered',
  ]);
});
