import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ConsulDiscovery } from '../../src/discovery/consul.ts';
import type { ConsulOptions } from '../../src/discovery/consul-options.ts';
import type { CatalogEntry, Node } from '../../src/discovery/types.ts';
import { consulEntry } from '../support/consul-entries.ts';
import { DEFAULT_CONSUL } from '../support/discovery-defaults.ts';
import { settle } from '../support/fake-clock.ts';
import { ScriptedBed } from '../support/scripted-bed.ts';
import { ScriptedRegistry, type ScriptedRequest } from '../support/scripted-registry.ts';
import { RecordingSink } from '../support/sink.ts';

const QUERY = { source: 'consul', service: 'web', args: {} };
const ONE = [consulEntry()];
const TWO = [consulEntry(), consulEntry({ id: 'web-2', port: 8081 })];

describe('the Consul adapter', { timeout: 30_000 }, () => {
  let bed: ScriptedBed<ConsulDiscovery>;

  beforeEach(async () => {
    bed = await ScriptedBed.start();
  });

  afterEach(() => bed.close());

  function create(options: Partial<ConsulOptions> = {}): void {
    bed.adapter = new ConsulDiscovery(
      { ...DEFAULT_CONSUL, servers: [bed.server.address], ...options },
      bed.tools,
      bed.log,
    );
  }

  function watch(options: Partial<ConsulOptions> = {}, args: Record<string, string> = {}): void {
    create(options);
    bed.watch({ ...QUERY, args });
  }

  function question(): Promise<ScriptedRequest> {
    return bed.server.requests.next();
  }

  it('asks without waiting first, then waits for a change of the index', async () => {
    watch();
    const first = await question();
    assert.equal(first.path, '/v1/health/service/web');
    assert.equal(first.parameters.get('passing'), '1');
    assert.equal(first.parameters.has('index'), false);
    assert.equal(first.headers['x-consul-token'], undefined);
    first.json(ONE, 10);
    assert.equal((await bed.sink.nextSet()).length, 1);
    const second = await question();
    assert.equal(second.parameters.get('index'), '10');
    assert.equal(second.parameters.get('wait'), '60000ms');
    second.json(TWO, 11);
    assert.equal((await bed.sink.nextSet()).length, 2);
    assert.equal((await question()).parameters.get('index'), '11');
  });

  it('sends what it was told to: token, datacentre, tags, consistency, cache', async () => {
    watch(
      { token: { text: 'secret' }, datacenter: 'dc1', consistency: 'stale', cached: true },
      { tag: 'blue, v2', datacenter: 'dc2' },
    );
    const { parameters, headers } = await question();
    assert.equal(headers['x-consul-token'], 'secret');
    assert.equal(parameters.get('dc'), 'dc2');
    assert.deepEqual(parameters.getAll('tag'), ['blue', 'v2']);
    assert.ok(parameters.has('stale') && parameters.has('cached'));
  });

  it('sends the user and the password of the address, and repeats them nowhere', async () => {
    watch({ servers: [bed.server.address.replace('//', '//us%3Aer:p%40ss@')] });
    const first = await question();
    assert.equal(first.headers.authorization, `Basic ${Buffer.from('us:er:p@ss').toString('base64')}`);
    first.raw(500, '');
    assert.doesNotMatch((await bed.sink.nextFailure()).message, /us.{0,3}er|p.{0,3}ss@/);
  });

  it('asks for all instances where warnings are taken in', async () => {
    watch({ passingOnly: false });
    const first = await question();
    assert.equal(first.parameters.has('passing'), false);
    first.json(
      [consulEntry({ checks: [{ Status: 'warning' }] }), consulEntry({ checks: [{ Status: 'critical' }] })],
      3,
    );
    assert.equal((await bed.sink.nextSet()).length, 1);
  });

  it('asks with the path of the server address in front, and a service name that is escaped', async () => {
    create({ servers: [`${bed.server.address}/consul/`] });
    bed.watch({ ...QUERY, service: 'a b/ü?' });
    assert.equal((await question()).path, '/consul/v1/health/service/a%20b%2F%C3%BC%3F');
  });

  it('does not read the same answer twice', async () => {
    watch();
    (await question()).json(ONE, 10);
    const first = await bed.sink.nextSet();
    (await question()).json(ONE, 11);
    assert.equal(await bed.sink.nextSet(), first);
    (await question()).json(TWO, 12);
    assert.equal((await bed.sink.nextSet()).length, 2);
  });

  it('starts over when the index goes backwards, and says so', async () => {
    watch();
    (await question()).json(ONE, 100);
    await bed.sink.nextSet();
    (await question()).json([], 16);
    assert.deepEqual(await bed.sink.told.next(), {
      kind: 'set',
      members: [],
      doubt: 'the index went back from 100 to 16',
    });
    const third = await question();
    assert.equal(third.parameters.has('index'), false);
    third.json(ONE, 17);
    assert.equal((await bed.sink.nextSet()).length, 1);
    assert.equal((await question()).parameters.get('index'), '17');
  });

  it('never waits for an index that is not a positive number, and does not ask faster than once a second then', async () => {
    watch();
    for (const index of [0, -5, 'x']) {
      const next = await question();
      assert.equal(next.parameters.has('index'), false);
      next.json(ONE, index);
      await bed.sink.nextSet();
      await settle();
      assert.equal(bed.server.requests.size, 0);
      await bed.clock.run(1_000);
    }
  });

  it('asks a flapping service at most at the rate of the loop', async () => {
    watch();
    for (let round = 1; round <= 20; round++) (await question()).json(round % 2 ? ONE : TWO, round);
    await bed.sink.nextSet();
    for (let tick = 0; tick < 10; tick++) {
      await settle();
      assert.equal(bed.server.requests.size, 0);
      const next = question();
      await bed.clock.run(100);
      (await next).json(tick % 2 ? ONE : TWO, 100 + tick);
      while ((await bed.sink.nextSet()) && bed.sink.told.size > 0);
    }
  });

  it('gives up a question that hangs: the first one soon, a waiting one after the wait and some slack', async () => {
    watch();
    const first = await question();
    await bed.clock.run(5_000);
    assert.equal((await bed.sink.nextFailure()).code, 'DISCOVERY_TIMEOUT');
    await first.closed;
    const second = question();
    await bed.clock.run(1_000);
    (await second).json(ONE, 5);
    await bed.sink.nextSet();
    const third = await question();
    assert.equal(third.parameters.get('index'), '5');
    await bed.clock.run(68_000);
    assert.equal(bed.sink.told.size, 0);
    await bed.clock.run(1_000);
    assert.equal((await bed.sink.nextFailure()).code, 'DISCOVERY_TIMEOUT');
    await third.closed;
  });

  it('gives up an answer that never comes to its end', async () => {
    watch();
    (await question()).begin('[{"Node":', { 'x-consul-index': '9' });
    await settle();
    await bed.clock.run(5_000);
    assert.equal((await bed.sink.nextFailure()).code, 'DISCOVERY_TIMEOUT');
  });

  it('asks for the whole state after a failure', async () => {
    watch();
    (await question()).json(ONE, 10);
    await bed.sink.nextSet();
    (await question()).reset();
    const failure = await bed.sink.nextFailure();
    assert.equal(failure.code, 'DISCOVERY_UNREACHABLE');
    assert.ok(failure.message.startsWith(`Consul at ${bed.server.address} can't be asked: `), failure.message);
    const next = question();
    await bed.clock.run(1_000);
    const again = await next;
    assert.equal(again.parameters.has('index'), false);
    again.json(TWO, 10);
    assert.equal((await bed.sink.nextSet()).length, 2);
  });

  it('takes anything but a whole answer of Consul for a failure, never for an empty set', async () => {
    watch({ timeout: 60_000 });
    const index = { 'x-consul-index': '5' };
    const bad: [(request: ScriptedRequest) => void, RegExp][] = [
      [(request) => request.raw(200, '<html>hello</html>', index), /not whole JSON .*<html>/],
      [(request) => request.raw(200, '[{"Node": {', index), /not whole JSON/],
      [(request) => request.raw(200, '', index), /not whole JSON \(0 bytes/],
      [(request) => request.json(null, 5), /it is null/],
      [(request) => request.json({ errors: [] }, 5), /it is an object/],
      [(request) => request.json([consulEntry({ port: 'x' })], 5), /has the port "x"/],
      [(request) => request.json([consulEntry({ port: 99_999 })], 5), /the port 99999/],
      [(request) => request.raw(200, '[]'), /without X-Consul-Index/],
      [(request) => request.raw(200, Buffer.alloc(64 * 1024 * 1024, 32), index), /more than 32 MiB/],
      [(request) => request.raw(204, '', index), /answered 204/],
      [(request) => request.raw(301, '', { location: '/x' }), /answered 301/],
      [(request) => request.raw(400, 'Invalid index'), /answered 400.*Invalid index/],
      [(request) => request.raw(403, 'ACL not found'), /answered 403.*discovery.consul.token.*ACL not found/],
      [(request) => request.raw(404, ''), /answered 404.*HTTP address of a Consul agent/],
      [(request) => request.raw(429, ''), /answered 429.*http_max_conns_per_client/],
      [(request) => request.raw(500, 'No cluster leader\n'), /answered 500.*\(it says: No cluster leader\)/],
      [(request) => request.raw(502, 'x'.repeat(100_000)), /answered 502: it failed \(it says: x{200}\)/],
      [(request) => request.reset(), /can't be asked/],
    ];
    for (const [fault, message] of bad) {
      const next = question();
      await bed.clock.run(15_000);
      fault(await next);
      assert.match((await bed.sink.nextFailure()).message, message);
    }
    const last = question();
    await bed.clock.run(15_000);
    (await last).json(ONE, 6);
    assert.equal((await bed.sink.nextSet()).length, 1);
  });

  it('says when the token hides the instances', async () => {
    watch();
    (await question()).raw(200, '[]', { 'x-consul-index': '5', 'x-consul-results-filtered-by-acls': 'true' });
    assert.match((await bed.sink.nextFailure()).message, /service:read and node:read/);
  });

  it('takes an empty answer for a failure where ACLs deny and there is no token, until something was shown', async () => {
    const index = { 'x-consul-index': '5', 'x-consul-default-acl-policy': 'deny' };
    watch({ timeout: 60_000 });
    (await question()).raw(200, '[]', index);
    assert.match((await bed.sink.nextFailure()).message, /set discovery\.consul\.token/);
    const next = question();
    await bed.clock.run(15_000);
    (await next).raw(200, JSON.stringify(ONE), index);
    assert.equal((await bed.sink.nextSet()).length, 1);
    (await question()).raw(200, '[]', { ...index, 'x-consul-index': '6' });
    assert.equal((await bed.sink.nextSet()).length, 0);
  });

  it('logs an instance that it leaves out, once', async () => {
    watch();
    const odd = [...ONE, consulEntry({ id: 'odd', port: 0 })];
    (await question()).json(odd, 5);
    assert.equal((await bed.sink.nextSet()).length, 1);
    (await question()).json(odd, 6);
    await bed.sink.nextSet();
    assert.deepEqual(bed.log.names, ['discovery.unusable-instance']);
    assert.match(bed.log.events[0]!.message, /"odd" is registered without a port/);
  });

  it('goes over to the next server at once when one fails, and stays there', async () => {
    const other = await ScriptedRegistry.start();
    try {
      watch({ servers: [other.address, bed.server.address] });
      (await other.requests.next()).json(ONE, 50);
      await bed.sink.nextSet();
      (await other.requests.next()).raw(500, 'No cluster leader');
      const moved = await question();
      assert.equal(moved.parameters.has('index'), false, 'an index means nothing to another server');
      moved.json(TWO, 7);
      const told = await bed.sink.told.next();
      assert.ok(told.kind === 'set' && told.members.length === 2);
      assert.match(told.doubt ?? '', /another server/);
      assert.equal((await question()).parameters.get('index'), '7');
      assert.equal(other.requests.size, 0);
    } finally {
      await other.close();
    }
  });

  it('reports a failure when every server fails', async () => {
    const other = await ScriptedRegistry.start();
    await other.close();
    watch({ servers: [other.address, bed.server.address] });
    (await question()).raw(500, '');
    assert.match((await bed.sink.nextFailure()).message, /answered 500/);
  });

  it('keeps no more fresh questions open than it may, and answers waiting ones meanwhile', async () => {
    watch({ concurrency: 2 });
    (await question()).json(ONE, 4);
    const waiting = await question();
    for (let more = 0; more < 4; more++) {
      bed.run(bed.adapter.watch({ ...QUERY, service: `s${more}` }, new RecordingSink(), bed.abort.signal));
    }
    const fresh = [await question(), await question()];
    await bed.sink.nextSet();
    waiting.json(TWO, 5);
    await bed.sink.nextSet();
    assert.equal((await question()).parameters.get('index'), '5');
    assert.equal(bed.server.requests.size, 0);
    for (const each of fresh) each.json([], 4);
    const paths = new Set<string>();
    while (paths.size < 4) paths.add((await question()).path);
    assert.ok([...paths].every((path) => path.startsWith('/v1/health/service/s')));
  });

  it('polls the services that it may not watch, says so once, and watches one as soon as there is a place', async () => {
    watch({ maxWatches: 1 });
    const second = new RecordingSink<Node>();
    const rest = new AbortController();
    (await question()).json(ONE, 4);
    await bed.sink.nextSet();
    const watched = await question();
    assert.ok(watched.parameters.has('index'));
    bed.run(bed.adapter.watch({ ...QUERY, service: 'second' }, second, rest.signal));
    const polled = await question();
    assert.equal(polled.path, '/v1/health/service/second');
    polled.json(ONE, 4);
    assert.equal((await second.nextSet()).length, 1);
    await settle();
    assert.equal(bed.server.requests.size, 0);
    const next = question();
    await bed.clock.run(5_500);
    const again = await next;
    assert.equal(again.path, '/v1/health/service/second');
    assert.equal(again.parameters.has('index'), false, 'a poll does not wait');
    again.json(TWO, 5);
    assert.equal((await second.nextSet()).length, 2);
    const third = bed.adapter.watch({ ...QUERY, service: 'third' }, new RecordingSink(), rest.signal);
    await question();
    assert.deepEqual(bed.log.names, ['discovery.polled']);
    assert.match(
      bed.log.events[0]!.message,
      /more than 1 Consul .* every 5 s or, when they are more than 125, less often/,
    );
    bed.abort.abort();
    const promoted = await question();
    assert.equal(promoted.path, '/v1/health/service/second');
    promoted.json(TWO, 5);
    assert.equal((await question()).parameters.get('index'), '5', 'now it waits');
    rest.abort();
    await third;
  });

  it('tells of a poll that fails, and goes on', async () => {
    watch({ maxWatches: 1 });
    await question();
    const second = new RecordingSink<Node>();
    bed.run(bed.adapter.watch({ ...QUERY, service: 'second' }, second, bed.abort.signal));
    await question();
    await bed.clock.run(5_000);
    assert.equal((await second.nextFailure()).code, 'DISCOVERY_TIMEOUT');
    const next = question();
    await bed.clock.run(5_500);
    for (let request = await next; ; request = await question()) {
      if (!request.path.endsWith('second')) continue;
      request.json(ONE, 4);
      break;
    }
    assert.equal((await second.nextSet()).length, 1);
  });

  it('refuses filters that it does not know, by name', async () => {
    watch({}, { colour: 'blue' });
    const failure = await bed.sink.nextFailure();
    assert.equal(failure.code, 'CONFIG_INVALID');
    assert.match(failure.message, /discovery_args.colour is not known: Consul takes tag, datacenter, /);
  });

  it('refuses servers that are not URLs', () => {
    create();
    for (const servers of [[], ['127.0.0.1:8500'], ['ftp://x'], ['http://']]) {
      assert.throws(
        () => new ConsulDiscovery({ ...DEFAULT_CONSUL, servers }, bed.tools, bed.log),
        /discovery.consul.servers/,
      );
    }
  });

  it('follows the catalogue', async () => {
    create({ datacenter: 'dc1', consistency: 'stale' });
    const catalogue = new RecordingSink<CatalogEntry>();
    bed.run(bed.adapter.watchCatalog(catalogue, bed.abort.signal));
    const first = await question();
    assert.equal(first.path, '/v1/catalog/services');
    assert.equal(first.parameters.get('dc'), 'dc1');
    first.json({ consul: [], web: ['headgate.path=/'] }, 8);
    assert.deepEqual(await catalogue.nextSet(), [{ service: 'web', tags: ['headgate.path=/'] }]);
    (await question()).raw(200, '[]', { 'x-consul-index': '9' });
    assert.match((await catalogue.nextFailure()).message, /without an object of services/);
  });

  it('tells nobody anything after the end, not even of an answer that is on its way', async () => {
    watch();
    await bed.endsSilently(await question());
  });
});
