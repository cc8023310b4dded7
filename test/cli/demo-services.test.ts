import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { renderDemoScreen } from '../../src/cli/demo-screen.ts';
import { DemoServices } from '../../src/cli/demo-services.ts';
import type { Timer } from '../../src/core/clock.ts';
import { HeadgateError } from '../../src/core/errors.ts';
import { readTags } from '../../src/discovery/tags.ts';
import { RegistryHarness } from '../registry/harness.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { freePorts } from '../support/free-port.ts';
import { node } from '../support/nodes.ts';

async function setUp(t: TestContext, clock = new FakeClock()) {
  const registry = await RegistryHarness.start(t, clock);
  const services = new DemoServices(registry.url(''), clock);
  t.after(() => services.close(0));
  return { clock, registry, services, instances: await services.start() };
}

async function passing(registry: RegistryHarness): Promise<string[]> {
  const { json } = await registry.get('/v1/health/state/passing');
  return json.map(({ ServiceID }: { ServiceID: string }) => ServiceID).filter((id: string) => id !== '');
}

test('the services register with routes, name the instance that answers, and leave when they are stopped', async (t) => {
  const { registry, services, instances } = await setUp(t);
  assert.deepEqual(await passing(registry), ['hello-1', 'hello-2', 'time-1']);
  for (const { id, service, address } of instances) {
    const [entry] = (await registry.get(`/v1/health/service/${service}`)).json;
    const claimed = readTags(service, node(address.host, address.port, { tags: entry.Service.Tags }), null);
    assert.equal(claimed.claims.length, 1);
    const answer = await fetch(`http://${address.host}:${address.port}/`);
    assert.match(await answer.text(), new RegExp(`${id} \\(127\\.0\\.0\\.1:${address.port}\\)`));
  }
  assert.equal(await services.stop('hello-2', 0), true);
  assert.equal(await services.stop('hello-2', 0), false);
  assert.deepEqual(await passing(registry), ['hello-1', 'time-1']);
  await services.close(0);
  assert.deepEqual((await registry.get('/v1/agent/services')).json, {});
});

/** Counts the reports that were planned: after each one that the registry took comes the next. */
class ReportClock extends FakeClock {
  planned = 0;

  override after(ms: number, task: () => void): Timer {
    if (ms === 3_000) this.planned += 1;
    return super.after(ms, task);
  }
}

test('a service that reports by itself stays passing, until an operator deregisters it', async (t) => {
  const clock = new ReportClock();
  const { registry } = await setUp(t, clock);
  for (let round = 0; round < 5; round++) {
    const { planned } = clock;
    clock.advance(3_000);
    while (clock.planned === planned) await settle();
    assert.equal(await registry.statusOf('service:time-1'), 'passing');
  }
  await registry.put('/v1/agent/service/deregister/time-1');
  clock.advance(3_000);
  await registry.get('/v1/status/leader');
  assert.deepEqual(Object.keys((await registry.get('/v1/agent/services')).json).sort(), ['hello-1', 'hello-2']);
});

test('a service that is told to stop at its own address ends like a crash', async (t) => {
  const { clock, registry, instances } = await setUp(t);
  const { address } = instances.find(({ id }) => id === 'hello-2') ?? assert.fail();
  const url = `http://${address.host}:${address.port}/stop`;
  assert.match(await (await fetch(url)).text(), /^hello/);
  assert.equal(await (await fetch(url, { method: 'POST' })).text(), `hello-2 (127.0.0.1:${address.port}) stops\n`);
  await assert.rejects(fetch(url));
  assert.deepEqual(await passing(registry), ['hello-1', 'hello-2', 'time-1']);
  clock.advance(2_000);
  await registry.until('hello', 'service:hello-2', 'critical');
});

test('without a registry the start fails with its reason and leaves nothing running', async () => {
  const [port] = await freePorts(1);
  const services = new DemoServices(`http://127.0.0.1:${port}`, new FakeClock());
  await assert.rejects(services.start(), (error) => error instanceof HeadgateError && error.code === 'DEMO_START');
});

test('the screen fits 80 columns and names every address', async (t) => {
  const { instances } = await setUp(t);
  const place = (port: number) => ({ host: '127.0.0.1', port });
  const screen = renderDemoScreen({ http: place(19080), admin: place(19180), registry: place(18500), instances });
  for (const line of screen.split('\n')) assert.ok(line.length <= 80, line);
  for (const port of [19080, 19180, 18500]) assert.ok(screen.includes(`http://127.0.0.1:${port}`));
  for (const { id, address } of instances) assert.match(screen, new RegExp(`${id} +127\\.0\\.0\\.1:${address.port}`));
});

test('the registration on the screen works as it stands', async (t) => {
  const { registry, instances } = await setUp(t);
  const place = { host: '127.0.0.1', port: 1 };
  const screen = renderDemoScreen({ http: place, admin: place, registry: registry.address, instances });
  const body = /-d \\\n\s*'(\{[^']*\})'/.exec(screen)?.[1] ?? assert.fail(screen);
  await registry.put('/v1/agent/service/register', body);
  const [entry] = (await registry.get('/v1/health/service/mine?passing')).json;
  const { claims, warnings } = readTags('mine', node('127.0.0.1', 8000, { tags: entry.Service.Tags }), null);
  assert.deepEqual(warnings, []);
  assert.deepEqual(claims, [
    { kind: 'http', host: null, uri: '/mine/*', methods: [], priority: 0, stripPrefix: '/mine' },
  ]);
});
