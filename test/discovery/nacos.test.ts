import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NacosDiscovery } from '../../src/discovery/nacos.ts';
import type { NacosOptions } from '../../src/discovery/nacos-options.ts';
import type { CatalogEntry, Node } from '../../src/discovery/types.ts';
import { DEFAULT_NACOS } from '../support/discovery-defaults.ts';
import { settle } from '../support/fake-clock.ts';
import { nacosHost, nacosList, nacosPush, UdpPeer } from '../support/nacos-entries.ts';
import { give, ScriptedBed } from '../support/scripted-bed.ts';
import { ScriptedRegistry, type ScriptedRequest } from '../support/scripted-registry.ts';
import { RecordingSink } from '../support/sink.ts';

/** The interval of 30 s with the most jitter. */
const NEXT = 33_000;

describe('the Nacos adapter', { timeout: 30_000 }, () => {
  let bed: ScriptedBed<NacosDiscovery>;

  beforeEach(async () => {
    bed = await ScriptedBed.start();
    create();
  });

  afterEach(() => bed.close());

  function create(options: Partial<NacosOptions> = {}): void {
    const settings = { ...DEFAULT_NACOS, servers: [bed.server.address], push: false, ...options };
    bed.adapter = new NacosDiscovery(settings, bed.tools, bed.log);
  }

  function watch(service = 'web', args: Record<string, string> = {}, into = bed.sink): void {
    bed.watch({ source: 'nacos', service, args }, into);
  }

  const question = () => bed.question();

  const later = (ms = NEXT) => bed.later(ms);

  const ok = (data: unknown) => ({ code: 0, message: 'success', data });
  const ports = (nodes: readonly Node[]) => nodes.map(({ port }) => port);

  it('asks by the third API, at intervals', async () => {
    watch();
    const first = await question();
    assert.equal(first.path, '/nacos/v3/client/ns/instance/list');
    const { serviceName, groupName, namespaceId, healthyOnly } = Object.fromEntries(first.parameters);
    assert.deepEqual([serviceName, groupName, namespaceId, healthyOnly], ['web', 'DEFAULT_GROUP', 'public', 'false']);
    assert.match(first.headers['user-agent'] ?? '', /^Nacos-Go-Client:v1\.0\.0/);
    give(first, ok([nacosHost(1)]));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1]);
    await settle();
    assert.equal(bed.server.requests.size, 0);
    give(await later(), ok([]));
    assert.deepEqual(await bed.sink.nextSet(), []);
  });

  it('finds the API that a server has, and asks by it from then on', async () => {
    watch();
    for (const status of [404, 410]) (await question()).raw(status, '');
    const old = await question();
    assert.equal(old.path, '/nacos/v1/ns/instance/list');
    give(old, nacosList([nacosHost(1)]));
    await bed.sink.nextSet();
    const second = await later();
    assert.equal(second.path, '/nacos/v1/ns/instance/list');
    second.raw(410, '');
    const upgraded = await question();
    assert.equal(upgraded.path, '/nacos/v3/client/ns/instance/list');
    give(upgraded, ok([nacosHost(1), nacosHost(2)]));
    assert.equal((await bed.sink.nextSet()).length, 2);
  });

  it('names the namespace, the group and the clusters that are asked for', async () => {
    watch('blue@@web', { namespace_id: 'space', cluster: 'east, west' });
    const { parameters } = await question().then((first) => {
      give(first, ok([nacosHost(1, { clusterName: 'east' }), nacosHost(2, { clusterName: 'south' })]));
      return first;
    });
    assert.equal(parameters.get('namespaceId'), 'space');
    assert.equal(parameters.get('groupName'), 'blue');
    assert.equal(parameters.get('serviceName'), 'web');
    assert.deepEqual(ports(await bed.sink.nextSet()), [1]);
  });

  it('takes healthy and enabled instances alone, with weights in proportion', async () => {
    watch();
    const hosts = [
      nacosHost(1, { weight: 0.004 }),
      nacosHost(2, { weight: 0.5, metadata: { zone: 'z', n: 3 } }),
      nacosHost(3, { weight: 10_000 }),
      nacosHost(4, { weight: 99_999 }),
      nacosHost(5, { weight: 0 }),
      nacosHost(6, { weight: 'x' }),
      nacosHost(7, { healthy: false }),
      nacosHost(8, { enabled: false }),
    ];
    give(await question(), ok(hosts));
    const nodes = await bed.sink.nextSet();
    assert.deepEqual(
      nodes.map(({ weight }) => weight),
      [1, 50, 1_000_000, 1_000_000, 0, 100],
    );
    assert.deepEqual(nodes[1]?.metadata, { cluster: 'DEFAULT', zone: 'z' });
  });

  it('says when the server lists unhealthy instances as healthy, and when that is over', async () => {
    watch();
    for (const status of [404, 404]) (await question()).raw(status, '');
    give(await question(), nacosList([nacosHost(1)], { reachProtectionThreshold: true }));
    await bed.sink.nextSet();
    give(await later(), nacosList([nacosHost(1)]));
    await bed.sink.nextSet();
    assert.deepEqual(bed.log.names, ['discovery.protect-threshold', 'discovery.protect-threshold-over']);
  });

  it('takes anything but a whole answer of Nacos for a failure, never for an empty set', async () => {
    create({ readTimeout: 60_000 });
    watch();
    const bad: [(request: ScriptedRequest) => void, RegExp][] = [
      [(request) => request.raw(200, '<html>'), /not whole JSON .*<html>/],
      [(request) => request.raw(200, ''), /not whole JSON \(0 bytes/],
      [(request) => request.raw(200, '{"code":0,"data":[{"ip"'), /not whole JSON/],
      [(request) => give(request, []), /without "code"/],
      [(request) => give(request, null), /without "code"/],
      [(request) => give(request, { code: 30_000, message: 'server error' }), /error code 30000: server error/],
      [(request) => give(request, ok(null)), /without a list of instances/],
      [(request) => give(request, ok({ hosts: 'x' })), /without a list of instances/],
      [(request) => give(request, ok([7])), /instance 0 is not an object/],
      [(request) => give(request, ok([nacosHost(0)])), /no instance that can be used: instance 0 has the port 0/],
      [(request) => give(request, ok([nacosHost(1, { ip: 'a b' })])), /has the address "a b"/],
      [(request) => request.raw(401, ''), /answered 401: .*discovery\.nacos\.username/],
      [(request) => request.raw(403, 'unknown user!'), /answered 403: .*\(it says: unknown user!\)/],
      [
        (request) => request.raw(500, 'server is STARTING now'),
        /answered 500: it failed \(it says: server is STARTING/,
      ],
      [(request) => request.reset(), /can't be asked/],
    ];
    for (const [fault, message] of bad) {
      fault(await later(15_000));
      assert.match((await bed.sink.nextFailure()).message, message);
    }
    give(await later(15_000), ok([nacosHost(1)]));
    assert.equal((await bed.sink.nextSet()).length, 1);
  });

  it('says so when a server has none of the APIs', async () => {
    watch();
    for (let api = 0; api < 3; api++) (await question()).raw(404, '');
    assert.match((await bed.sink.nextFailure()).message, /answered 404: .*discovery\.nacos\.prefix/);
  });

  it('goes over to the next server at once, and says so', async () => {
    const other = await ScriptedRegistry.start();
    try {
      create({ servers: [other.address, bed.server.address] });
      watch();
      give(await other.requests.next(), ok([nacosHost(1)]));
      await bed.sink.nextSet();
      const failing = other.requests.next();
      await bed.clock.run(NEXT);
      (await failing).reset();
      give(await question(), ok([]));
      const told = await bed.sink.told.next();
      assert.match((told.kind === 'set' && told.doubt) || '', /another server/);
    } finally {
      await other.close();
    }
  });

  it('logs in, shows its token, and renews it before it ends', async () => {
    create({ username: 'us er', password: 'p&ss', readTimeout: 60_000 });
    watch();
    const login = await question();
    assert.deepEqual([login.method, login.path], ['POST', '/nacos/v1/auth/login']);
    assert.equal(await login.text(), 'username=us+er&password=p%26ss');
    give(login, { accessToken: 'first', tokenTtl: 50 });
    const asked = await question();
    assert.equal(asked.headers.accesstoken, 'first');
    give(asked, ok([nacosHost(1)]));
    await bed.sink.nextSet();
    const soon = await later();
    assert.equal(soon.path, '/nacos/v3/client/ns/instance/list');
    give(soon, ok([nacosHost(1)]));
    await bed.sink.nextSet();
    const again = await later();
    assert.equal(again.path, '/nacos/v1/auth/login');
    give(again, { accessToken: 'second', tokenTtl: 50 });
    assert.equal((await question()).headers.accesstoken, 'second');
  });

  it('logs in anew, once, when its token is refused, and by the third API where the first is off', async () => {
    create({ username: 'user', password: 'pass' });
    watch();
    (await question()).raw(410, '');
    const login = await question();
    assert.equal(login.path, '/nacos/v3/auth/user/login');
    give(login, ok({ accessToken: 'first', tokenTtl: 18_000 }));
    (await question()).raw(403, 'token expired!');
    give(await question(), { accessToken: 'second', tokenTtl: 18_000 });
    const asked = await question();
    assert.equal(asked.headers.authorization, 'Bearer second');
    asked.raw(403, 'no right');
    assert.match((await bed.sink.nextFailure()).message, /answered 403: .*no right/);
  });

  it('says so when the login fails, without the password', async () => {
    create({ username: 'user', password: 'pass-word' });
    watch();
    (await question()).raw(403, 'unknown user!');
    const { message } = await bed.sink.nextFailure();
    assert.match(message, /the login failed: answered 403: it does not take discovery\.nacos\.username/);
    assert.doesNotMatch(message, /pass-word/);
  });

  it('lists services page by page, with the routing options of their instances', async () => {
    create({ catalog: true, metadataRoutes: true, concurrency: 1 });
    const catalogue = new RecordingSink<CatalogEntry>();
    bed.run(bed.adapter.watchCatalog!(catalogue, bed.abort.signal));
    const first = await question();
    assert.deepEqual([first.path, first.parameters.get('pageNo')], ['/nacos/v1/ns/service/list', '1']);
    give(first, { count: 2, doms: ['a', 'b'] });
    give(await question(), ok([nacosHost(1, { metadata: { 'headgate.path': '/a/*' } })]));
    give(await question(), ok([]));
    assert.deepEqual(await catalogue.nextSet(), [
      { service: 'a', tags: ['headgate.path=/a/*'] },
      { service: 'b', tags: [] },
    ]);
    give(await later(), { count: 1, doms: ['a'] });
    (await question()).raw(500, '');
    assert.match((await catalogue.nextFailure()).message, /answered 500/);
  });

  it('has no catalogue unless it is asked for', () => {
    assert.equal(bed.adapter.watchCatalog, undefined);
  });

  it('refuses what it does not know, by name', async () => {
    watch('web', { tag: 'blue' });
    watch('');
    assert.match((await bed.sink.nextFailure()).message, /discovery_args.tag is not known: Nacos takes namespace_id/);
    assert.match((await bed.sink.nextFailure()).message, /service_name is empty/);
    assert.throws(() => create({ servers: ['nacos:8848'] }), /discovery\.nacos\.host\[0\]/);
  });

  describe('with pushes', () => {
    let peer: UdpPeer;

    beforeEach(async () => {
      peer = await UdpPeer.start();
      create({ push: true });
    });
    afterEach(() => peer.close());

    it('asks at once when a push tells of a change, acknowledges it, and asks as often as the server wants', async () => {
      watch();
      const first = await question();
      assert.equal(first.path, '/nacos/v1/ns/instance/list');
      assert.equal(first.parameters.get('clientIP'), '127.0.0.1');
      const port = Number(first.parameters.get('udpPort'));
      give(first, nacosList([nacosHost(1)], { cacheMillis: 10_000 }));
      await bed.sink.nextSet();
      const time = '18446744073709551615';
      await peer.send(port, nacosPush('DEFAULT_GROUP@@web', time));
      assert.deepEqual(JSON.parse(await peer.received.next()), { type: 'push-ack', lastRefTime: time, data: '' });
      give(await question(), nacosList([nacosHost(1), nacosHost(2)], { cacheMillis: 10_000 }));
      assert.equal((await bed.sink.nextSet()).length, 2);
      const again = await later(11_000);
      assert.equal(again.parameters.get('udpPort'), String(port));
    });

    it('reads zipped pushes, and lets those pass that are of other services or no pushes', async () => {
      watch();
      const first = await question();
      const port = Number(first.parameters.get('udpPort'));
      give(first, nacosList([nacosHost(1)]));
      await bed.sink.nextSet();
      const bomb = nacosPush(`DEFAULT_GROUP@@web${' '.repeat(8 * 1024 * 1024)}`, '1', true);
      for (const packet of [
        '',
        '{',
        '{"type":"dom"}',
        '{"type":"dom","data":"["}',
        'null',
        nacosPush('x@@web', '1'),
        bomb,
      ]) {
        await peer.send(port, packet);
      }
      await peer.send(port, nacosPush('DEFAULT_GROUP@@web', '7', true));
      assert.match(await peer.received.next(), /"lastRefTime":"7"/);
      await question();
      assert.equal(bed.server.requests.size, 0);
    });

    it('asks once for a push that comes while it is asking', async () => {
      watch();
      const first = await question();
      await peer.send(Number(first.parameters.get('udpPort')), nacosPush('DEFAULT_GROUP@@web', '1'));
      await peer.received.next();
      give(first, nacosList([nacosHost(1)]));
      await bed.sink.nextSet();
      give(await question(), nacosList([nacosHost(2)]));
      assert.deepEqual(ports(await bed.sink.nextSet()), [2]);
      await settle();
      assert.equal(bed.server.requests.size, 0);
    });

    it('asks at intervals where the port is taken, and says so', async () => {
      create({ push: true, pushPort: peer.port });
      watch();
      assert.equal((await question()).path, '/nacos/v3/client/ns/instance/list');
      assert.deepEqual(bed.log.names, ['discovery.no-push']);
    });
  });

  it('tells nobody anything after the end, not even of an answer that is on its way', async () => {
    watch();
    await bed.endsSilently(await question());
  });
});
