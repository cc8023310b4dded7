import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import { seededRandom } from '../../src/core/random.ts';
import { EmbeddedRegistry } from '../../src/registry/server.ts';
import { FakeClock } from '../support/fake-clock.ts';
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
