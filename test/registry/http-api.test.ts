import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { RegistryHarness, type Reply } from './harness.ts';

const WEB = {
  ID: 'web-1',
  Name: 'web',
  Address: '10.0.0.1',
  Port: 8080,
  Tags: ['a', 'headgate.path=/x'],
  Meta: { v: '1' },
  Weights: { Passing: 10, Warning: 1 },
  Check: { TTL: '90s', Notes: 'n', Status: 'passing' },
};

test('a registered service is found with the fields that Consul gives', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register(WEB);
  const agent = (await registry.get('/v1/agent/services')).json['web-1'];
  assert.deepEqual(agent, {
    ID: 'web-1',
    Service: 'web',
    Tags: ['a', 'headgate.path=/x'],
    Meta: { v: '1' },
    Port: 8080,
    Address: '10.0.0.1',
    TaggedAddresses: {
      lan_ipv4: { Address: '10.0.0.1', Port: 8080 },
      wan_ipv4: { Address: '10.0.0.1', Port: 8080 },
    },
    Weights: { Passing: 10, Warning: 1 },
    EnableTagOverride: false,
    Datacenter: 'dc1',
  });
  assert.deepEqual((await registry.get('/v1/agent/service/web-1')).json, agent);

  const [entry] = (await registry.get('/v1/health/service/web')).json;
  assert.equal(entry.Node.Address, '127.0.0.1');
  assert.equal(entry.Service.Service, 'web');
  assert.deepEqual(entry.Service.Weights, { Passing: 10, Warning: 1 });
  const check = entry.Checks.find(({ ServiceID }: { ServiceID: string }) => ServiceID === 'web-1');
  const { CreateIndex, ModifyIndex, ...rest } = check;
  assert.ok(CreateIndex > 0 && ModifyIndex >= CreateIndex);
  assert.deepEqual(rest, {
    Node: 'headgate',
    CheckID: 'service:web-1',
    Name: "Service 'web' check",
    Status: 'passing',
    Notes: 'n',
    Output: '',
    ServiceID: 'web-1',
    ServiceName: 'web',
    ServiceTags: ['a', 'headgate.path=/x'],
    Type: 'ttl',
    Interval: '',
    Timeout: '',
    ExposedPort: 0,
    Definition: {},
  });

  const [catalog] = (await registry.get('/v1/catalog/service/web')).json;
  assert.equal(catalog.ServiceAddress, '10.0.0.1');
  assert.equal(catalog.ServicePort, 8080);
  assert.deepEqual((await registry.get('/v1/catalog/services')).json, { web: ['a', 'headgate.path=/x'] });
});

test('addresses are tagged by their family; a host name is not', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  const tagged = async (address: string, own = {}) => {
    await registry.register({ Name: 'a', Address: address, Port: 1, TaggedAddresses: own });
    return (await registry.get('/v1/agent/service/a')).json.TaggedAddresses;
  };
  const six = { Address: '::1', Port: 1 };
  const lan = { Address: '10.0.0.9', Port: 2 };
  assert.deepEqual(await tagged('::1', { lan }), { lan_ipv6: six, wan_ipv6: six, lan });
  assert.deepEqual(await tagged('db.example.com', { lan }), { lan });
  assert.equal(await tagged('db.example.com'), undefined);
  assert.equal(await tagged(''), undefined);
});

test('passing and tag choose instances', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register(WEB);
  await registry.register({ ID: 'web-2', Name: 'web', Tags: ['B'], Check: { TTL: '10s', Status: 'warning' } });
  await registry.register({ ID: 'web-3', Name: 'web', Tags: ['a', 'b'] });
  const ids = async (query: string) => {
    const { json } = await registry.get(`/v1/health/service/web${query}`);
    return json.map((entry: { Service: { ID: string } }) => entry.Service.ID);
  };
  assert.deepEqual(await ids(''), ['web-1', 'web-2', 'web-3']);
  assert.deepEqual(await ids('?passing'), ['web-1', 'web-3']);
  assert.deepEqual(await ids('?passing=0'), ['web-1', 'web-2', 'web-3']);
  assert.deepEqual(await ids('?tag=b'), ['web-2', 'web-3']);
  assert.deepEqual(await ids('?tag=a&tag=b&passing=1'), ['web-3']);
  assert.deepEqual((await registry.get('/v1/health/service/none')).json, []);
});

/** Starts a question that must wait. */
async function waiting(registry: RegistryHarness, path: string): Promise<{ done: boolean; reply: Promise<Reply> }> {
  const poll = { done: false, reply: registry.get(path) };
  void poll.reply.then(() => {
    poll.done = true;
  });
  // A round trip on another connection: the question has arrived by then, and would have been answered.
  await registry.get('/v1/status/leader');
  await settle();
  return poll;
}

test('a blocking query waits for a change of its own service and carries a higher index', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register(WEB);
  await registry.register({ Name: 'other', Check: { TTL: '10s' } });
  const { index } = await registry.get('/v1/health/service/web?passing');
  const poll = await waiting(registry, `/v1/health/service/web?passing&index=${index}&wait=60s`);
  await registry.put('/v1/agent/check/pass/service:other');
  await registry.register(WEB);
  await registry.put('/v1/agent/check/pass/service:web-1');
  await settle();
  assert.equal(poll.done, false);
  await registry.put('/v1/agent/check/fail/service:web-1');
  const reply = await poll.reply;
  assert.deepEqual(reply.json, []);
  assert.ok(reply.index > index);
});

test('a blocking query on a service that does not exist yet wakes when it comes, and when it goes', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  const before = await registry.get('/v1/health/service/web');
  assert.ok(before.index > 0);
  const coming = await waiting(registry, `/v1/health/service/web?index=${before.index}`);
  await registry.register(WEB);
  const after = await coming.reply;
  assert.equal(after.json.length, 1);
  const going = await waiting(registry, `/v1/catalog/service/web?index=${after.index}`);
  await registry.put('/v1/agent/service/deregister/web-1');
  const gone = await going.reply;
  assert.deepEqual(gone.json, []);
  assert.ok(gone.index > after.index);
});

test('the catalogue wakes for services and tags, not for checks', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register(WEB);
  const { index } = await registry.get('/v1/catalog/services');
  const poll = await waiting(registry, `/v1/catalog/services?index=${index}`);
  await registry.put('/v1/agent/check/fail/service:web-1');
  await settle();
  assert.equal(poll.done, false);
  await registry.register({ ...WEB, Tags: ['new'] });
  assert.deepEqual((await poll.reply).json, { web: ['new'] });
});

test('a blocking query ends after its wait with the same index', async (t) => {
  const clock = new FakeClock();
  const registry = await RegistryHarness.start(t, clock);
  await registry.register(WEB);
  const { index } = await registry.get('/v1/health/state/any');
  const poll = await waiting(registry, `/v1/health/state/any?index=${index}&wait=8s`);
  clock.advance(8_500);
  assert.equal((await poll.reply).index, index);
});

test('an index of another process is answered at once', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register(WEB);
  const reply = await registry.get('/v1/health/service/web?index=99999999999999&wait=60s');
  assert.equal(reply.json.length, 1);
  assert.ok(reply.index < 99_999_999_999_999);
});

test('checks can be registered and deregistered by themselves', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register({ Name: 'a' });
  await registry.put('/v1/agent/check/register', { Name: 'x', ServiceID: 'a', TTL: '10s' });
  assert.equal(await registry.statusOf('x'), 'critical');
  assert.deepEqual((await registry.get('/v1/health/service/a?passing')).json, []);
  const critical = (await registry.get('/v1/health/state/critical')).json;
  assert.deepEqual(
    critical.map(({ CheckID }: { CheckID: string }) => CheckID),
    ['x'],
  );
  await registry.put('/v1/agent/check/deregister/x');
  assert.equal((await registry.get('/v1/health/service/a?passing')).json.length, 1);
});

test('maintenance takes an instance out and brings it back', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register(WEB);
  await registry.put('/v1/agent/service/maintenance/web-1?enable=true&reason=update');
  assert.deepEqual((await registry.get('/v1/health/service/web?passing')).json, []);
  const check = (await registry.get('/v1/agent/checks')).json['_service_maintenance:web-1'];
  assert.deepEqual([check.Status, check.Notes, check.Type], ['critical', 'update', 'maintenance']);
  await registry.put('/v1/agent/service/maintenance/web-1?enable=false');
  assert.equal((await registry.get('/v1/health/service/web?passing')).json.length, 1);
});

test('IDs may hold any character, in the path percent-encoded or with slashes', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  const id = 'a b/ü?/register';
  await registry.register({ ID: id, Name: 'we ird' });
  assert.equal((await registry.get(`/v1/agent/service/${encodeURIComponent(id)}`)).json.ID, id);
  assert.equal((await registry.get('/v1/health/service/we%20ird')).json.length, 1);
  await registry.put(`/v1/agent/service/deregister/a%20b/%C3%BC%3F/register`);
  assert.deepEqual((await registry.get('/v1/agent/services')).json, {});
});

test('a request that cannot be served says why', async (t) => {
  const registry = await RegistryHarness.start(t, new FakeClock());
  await registry.register({ Name: 'a', Check: { TCP: '127.0.0.1:1', Interval: '10s' } });
  const table: [string, string, unknown, number, RegExp][] = [
    ['PUT', '/v1/agent/service/register', undefined, 400, /must be a JSON object/],
    ['PUT', '/v1/agent/service/register', '{', 400, /not JSON/],
    ['PUT', '/v1/agent/service/register', `{"Name":"${'x'.repeat(6_000_000)}"}`, 413, /larger than 1 MiB/],
    ['PUT', '/v1/agent/service/register?replace-existing-checks=x', { Name: 'a' }, 400, /replace-existing-checks/],
    ['GET', '/v1/agent/service/register', undefined, 405, /use PUT/],
    ['POST', '/v1/agent/service/register', {}, 405, /use PUT/],
    ['GET', '/v1/agent/service/none', undefined, 404, /unknown service ID: none/],
    ['PUT', '/v1/agent/service/deregister/none', undefined, 404, /its ID, not its name|service's ID/],
    ['PUT', '/v1/agent/service/maintenance/none?enable=true', undefined, 404, /none/],
    ['PUT', '/v1/agent/service/maintenance/a', undefined, 400, /enable/],
    ['PUT', '/v1/agent/check/pass/none', undefined, 404, /Unknown check ID "none"/],
    ['PUT', '/v1/agent/check/pass/service:a', undefined, 400, /does not have associated TTL/],
    ['PUT', '/v1/agent/check/update/service:a', { Status: 'x' }, 400, /Invalid check status/],
    ['PUT', '/v1/agent/check/register', { Name: 'x', ServiceID: 'z', TTL: '1s' }, 404, /"z" does not exist/],
    ['PUT', '/v1/agent/check/deregister/none', undefined, 404, /Unknown check ID/],
    ['GET', '/v1/health/service/a?index=x', undefined, 400, /Invalid index/],
    ['GET', '/v1/health/service/a?wait=x', undefined, 400, /Invalid wait time/],
    ['GET', '/v1/health/service/a?passing=x', undefined, 400, /\?passing/],
    ['GET', '/v1/health/service/a?filter=x', undefined, 400, /filter expressions/],
    ['GET', '/v1/health/service/a?node-meta=a:b', undefined, 400, /"node-meta" is not supported/],
    ['GET', '/v1/health/service/', undefined, 400, /needs a name/],
    ['GET', '/v1/health/service/%zz', undefined, 400, /percent-encoding/],
    ['GET', '/v1/health/state/bad', undefined, 400, /Invalid state/],
    ['GET', '/v1/kv/x', undefined, 404, /no path of this registry/],
    ['GET', '/', undefined, 404, /no path/],
  ];
  for (const [method, path, body, status, text] of table) {
    const reply = await registry.ask(method, path, body);
    assert.equal(reply.status, status, `${method} ${path}: ${reply.text}`);
    assert.match(reply.text, text);
  }
  assert.deepEqual(Object.keys((await registry.get('/v1/agent/services')).json), ['a']);
});
