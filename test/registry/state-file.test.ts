import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FakeClock } from '../support/fake-clock.ts';
import { RegistryHarness } from './harness.ts';

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'headgate-registry-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

async function statuses(registry: RegistryHarness): Promise<Record<string, string>> {
  const { json } = await registry.get('/v1/agent/checks');
  return Object.fromEntries(Object.entries(json).map(([id, check]) => [id, (check as { Status: string }).Status]));
}

test('a restart keeps registrations, and a TTL check for the time that it had left', async (t) => {
  const file = join(await directory(t), 'state', 'registry.json');
  const clock = new FakeClock();
  const first = await RegistryHarness.start(t, clock, file);
  await first.register({ ID: 'a-1', Name: 'a', Port: 80, Tags: ['x'], Meta: { k: 'v' }, Check: { TTL: '30s' } });
  await first.register({ Name: 'b', Check: { TTL: '10s' } });
  await first.register({ Name: 'c', Check: { TCP: '127.0.0.1:1', Interval: '1h', Status: 'passing' } });
  await first.put('/v1/agent/check/pass/service:a-1');
  await first.put('/v1/agent/check/pass/service:b');
  await first.put('/v1/agent/service/maintenance/c?enable=true');
  const before = (await first.get('/v1/agent/service/a-1')).json;
  await first.close();
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  clock.advance(15_000);
  const second = await RegistryHarness.start(t, clock, file);
  assert.deepEqual((await second.get('/v1/agent/service/a-1')).json, before);
  assert.deepEqual(await statuses(second), {
    'service:a-1': 'passing',
    'service:b': 'critical',
    'service:c': 'passing',
  });
  clock.advance(14_999);
  assert.equal(await second.statusOf('service:a-1'), 'passing');
  clock.advance(1);
  assert.equal(await second.statusOf('service:a-1'), 'critical');
});

test('a change is on disk soon after it happened, in one piece', async (t) => {
  const folder = await directory(t);
  const file = join(folder, 'registry.json');
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock, file);
  await registry.register({ Name: 'a' });
  await registry.register({ Name: 'b' });
  await assert.rejects(readFile(file), { code: 'ENOENT' });
  clock.advance(500);
  const text = async (): Promise<string> => readFile(file, 'utf8').catch(() => text());
  const saved = JSON.parse(await text());
  assert.deepEqual(
    saved.services.map(({ registration }: { registration: { ID: string } }) => registration.ID),
    ['a', 'b'],
  );
  assert.deepEqual(await readdir(folder), ['registry.json']);
});

test('a file that cannot be read is kept beside and does not stop the registry', async (t) => {
  for (const text of ['', '{"format":1,"services":[', '{"format":9}', 'null', '{"format":1,"services":[null]}']) {
    const file = join(await directory(t), 'registry.json');
    await writeFile(file, text);
    const registry = await RegistryHarness.start(t, new FakeClock(), file);
    await registry.register({ Name: 'a' });
    await registry.close();
    assert.equal(await readFile(`${file}.bad`, 'utf8'), text);
    assert.match(await readFile(file, 'utf8'), /"Name":"a"/);
  }
});

test('a registry that could not start leaves the file alone', async (t) => {
  const file = join(await directory(t), 'registry.json');
  const clock = new FakeClock();
  const first = await RegistryHarness.start(t, clock, file);
  await first.register({ Name: 'a' });
  const second = new RegistryHarness(clock, file);
  await second.close();
  await assert.rejects(readFile(file), { code: 'ENOENT' });
  await first.close();
  assert.match(await readFile(file, 'utf8'), /"Name":"a"/);
});
