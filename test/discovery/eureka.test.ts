import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EurekaDiscovery } from '../../src/discovery/eureka.ts';
import type { EurekaOptions } from '../../src/discovery/eureka-options.ts';
import type { CatalogEntry, Node } from '../../src/discovery/types.ts';
import { DEFAULT_EUREKA } from '../support/discovery-defaults.ts';
import { eurekaAnswer, eurekaEntry } from '../support/eureka-entries.ts';
import { settle } from '../support/fake-clock.ts';
import { give, ScriptedBed } from '../support/scripted-bed.ts';
import { ScriptedRegistry, type ScriptedRequest } from '../support/scripted-registry.ts';
import { RecordingSink } from '../support/sink.ts';

const INTERVAL = 30_000;
/** The interval with the most jitter. */
const NEXT = 33_000;
const ONE = eurekaAnswer([eurekaEntry(1)], 'UP_1_');
const TWO = eurekaAnswer([eurekaEntry(1), eurekaEntry(2)], 'UP_2_');
const EMPTY = eurekaAnswer([], '');

describe('the Eureka adapter', { timeout: 30_000 }, () => {
  let bed: ScriptedBed<EurekaDiscovery>;

  beforeEach(async () => {
    bed = await ScriptedBed.start();
    create();
  });

  afterEach(() => bed.close());

  function create(options: Partial<EurekaOptions> = {}): void {
    const settings = { ...DEFAULT_EUREKA, servers: [bed.server.address], fetchInterval: INTERVAL, ...options };
    bed.adapter = new EurekaDiscovery(settings, bed.tools, bed.log);
  }

  function watch(service = 'web', args: Record<string, string> = {}, into = bed.sink, end = bed.abort): void {
    bed.watch({ source: 'eureka', service, args }, into, end.signal);
  }

  const question = () => bed.question();

  /** The next question, which comes after the interval. */
  const later = (ms = NEXT) => bed.later(ms);

  const ports = (nodes: readonly Node[]) => nodes.map(({ port }) => port).sort();

  it('asks for everything first, as JSON and zipped, then for what has changed', async () => {
    watch();
    const first = await question();
    assert.equal(first.path, '/eureka/apps');
    assert.equal(first.headers.accept, 'application/json');
    assert.equal(first.headers['accept-encoding'], 'gzip');
    first.raw(200, gzipSync(JSON.stringify(ONE)), { 'content-encoding': 'gzip' });
    assert.deepEqual(ports(await bed.sink.nextSet()), [1]);
    assert.equal(bed.server.requests.size, 0);
    const second = await later();
    assert.equal(second.path, '/eureka/apps/delta');
    give(second, eurekaAnswer([eurekaEntry(2)], 'UP_2_', 2));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 2]);
  });

  it('confirms a service that did not change while others do', async () => {
    watch();
    give(await question(), ONE);
    await bed.sink.nextSet();
    const other = eurekaAnswer([eurekaEntry(2, { app: 'OTHER' })], 'UP_2_', 2, 'OTHER');
    give(await later(), other);
    assert.deepEqual(ports(await bed.sink.nextSet()), [1]);
  });

  it('asks once for all services and the catalogue, and tells one that comes later at once', async () => {
    const other = new RecordingSink<Node>();
    const catalogue = new RecordingSink<CatalogEntry>();
    watch();
    watch('OTHER', {}, other);
    bed.run(bed.adapter.watchCatalog(catalogue, bed.abort.signal));
    const metadata = { 'headgate.host': 'a.example.com', headgate_path: '/x', zone: 'z' };
    give(await question(), eurekaAnswer([eurekaEntry(1, { metadata })], 'UP_1_'));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1]);
    assert.deepEqual(await other.nextSet(), []);
    const tags = ['headgate.host=a.example.com', 'headgate.path=/x'];
    assert.deepEqual(await catalogue.nextSet(), [{ service: 'WEB', tags }]);
    const late = new RecordingSink<Node>();
    watch('WEB', {}, late);
    assert.deepEqual(ports(await late.nextSet()), [1]);
    await settle();
    assert.equal(bed.server.requests.size, 0);
  });

  it('stops asking when nobody watches, and begins anew with everything', async () => {
    const first = new AbortController();
    watch('web', {}, bed.sink, first);
    give(await question(), ONE);
    await bed.sink.nextSet();
    first.abort();
    await bed.ended();
    await bed.clock.run(10 * NEXT);
    assert.equal(bed.server.requests.size, 0);
    assert.equal(bed.clock.pending, 0);
    const again = new RecordingSink<Node>();
    watch('web', {}, again);
    assert.equal((await question()).path, '/eureka/apps');
    assert.equal(again.told.size, 0);
  });

  it('takes a deleted instance out although it says that it is up', async () => {
    watch();
    give(await question(), TWO);
    await bed.sink.nextSet();
    const gone = eurekaEntry(2, { actionType: 'DELETED', lastUpdatedTimestamp: '2000' });
    give(await later(), eurekaAnswer([gone], 'UP_1_', 2));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1]);
  });

  it('fetches everything when the delta does not lead to what the server has', async () => {
    watch();
    give(await question(), ONE);
    await bed.sink.nextSet();
    give(await later(), eurekaAnswer([eurekaEntry(2)], 'DOWN_1_UP_2_', 2));
    const whole = await question();
    assert.equal(whole.path, '/eureka/apps');
    give(whole, eurekaAnswer([eurekaEntry(1), eurekaEntry(2), eurekaEntry(3, { status: 'DOWN' })], 'DOWN_1_UP_2_'));
    const told = await bed.sink.told.next();
    assert.ok(told.kind === 'set' && told.doubt === undefined);
    assert.deepEqual(ports(told.members), [1, 2]);
  });

  it('is not led for long by a delta that is outdated and fits: the whole is read again after a time', async () => {
    watch();
    const both = [eurekaEntry(1, { lastUpdatedTimestamp: '900' }), eurekaEntry(2)];
    give(await question(), eurekaAnswer(both, 'UP_2_'));
    await bed.sink.nextSet();
    const outdated = eurekaAnswer([eurekaEntry(2)], 'UP_2_', 5);
    give(await later(), outdated);
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 2]);
    give(await later(), outdated);
    const whole = await question();
    assert.equal(whole.path, '/eureka/apps');
    const three = eurekaEntry(3, { lastUpdatedTimestamp: '3000' });
    give(whole, eurekaAnswer([both[0]!, three], 'UP_2_'));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 3]);
    // The count is the same, so that the delta fits, and two is not taken from it again.
    give(await later(), outdated);
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 3]);
    give(await later(), outdated);
    give(await question(), eurekaAnswer([three], 'UP_1_'));
    assert.deepEqual(ports(await bed.sink.nextSet()), [3]);
    // It does not fit: the whole is read each time.
    give(await later(), outdated);
    give(await question(), eurekaAnswer([three], 'UP_1_'));
    assert.deepEqual(ports(await bed.sink.nextSet()), [3]);
    give(await later(), eurekaAnswer([eurekaEntry(4, { lastUpdatedTimestamp: '4000' })], 'UP_2_', 6));
    assert.deepEqual(ports(await bed.sink.nextSet()), [3, 4]);
  });

  it('doubts a server that has started anew and is empty', async () => {
    watch();
    give(await question(), TWO);
    await bed.sink.nextSet();
    give(await later(), eurekaAnswer([], 'UP_2_', 7));
    await bed.sink.nextSet();
    give(await later(), eurekaAnswer([], '', 1));
    give(await question(), EMPTY);
    assert.deepEqual(await bed.sink.told.next(), { kind: 'set', members: [], doubt: 'the server started anew' });
  });

  it('does without deltas where the server has none', async () => {
    watch();
    give(await question(), ONE);
    await bed.sink.nextSet();
    (await later()).raw(403, '');
    give(await question(), ONE);
    await bed.sink.nextSet();
    const third = await later();
    assert.equal(third.path, '/eureka/apps');
    give(third, TWO);
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 2]);
  });

  it('fetches everything when the last answer is too old for deltas', async () => {
    create({ fetchInterval: 170_000 });
    watch();
    give(await question(), ONE);
    await bed.sink.nextSet();
    assert.equal((await later(190_000)).path, '/eureka/apps');
  });

  it('goes over to the next server at once, fetches everything there, and says so', async () => {
    const other = await ScriptedRegistry.start();
    try {
      create({ servers: [other.address, bed.server.address] });
      watch();
      give(await other.requests.next(), TWO);
      await bed.sink.nextSet();
      const failing = other.requests.next();
      await bed.clock.run(NEXT);
      (await failing).raw(500, 'out of order');
      const moved = await question();
      assert.equal(moved.path, '/eureka/apps');
      give(moved, ONE);
      const told = await bed.sink.told.next();
      assert.ok(told.kind === 'set' && told.members.length === 1);
      assert.match(told.doubt ?? '', /another server/);
      assert.equal((await later()).path, '/eureka/apps/delta');
      assert.equal(other.requests.size, 0);
    } finally {
      await other.close();
    }
  });

  it('goes over to the next server when one hangs', async () => {
    const other = await ScriptedRegistry.start();
    try {
      create({ servers: [other.address, bed.server.address] });
      watch();
      const hanging = await other.requests.next();
      const next = question();
      await bed.clock.run(7_000);
      give(await next, ONE);
      assert.equal((await bed.sink.nextSet()).length, 1);
      await hanging.closed;
    } finally {
      await other.close();
    }
  });

  it('takes anything but a whole answer of Eureka for a failure, never for an empty set', async () => {
    create({ readTimeout: 60_000 });
    watch();
    const bad: [(request: ScriptedRequest) => void, RegExp][] = [
      [(request) => request.raw(200, '<applications/>'), /not whole JSON .*<applications/],
      [(request) => request.raw(200, JSON.stringify(TWO).slice(0, 200)), /not whole JSON/],
      [(request) => request.raw(200, ''), /not whole JSON \(0 bytes/],
      [(request) => request.raw(200, 'null'), /without "applications".*prefix/],
      [(request) => give(request, { applications: {} }), /without "apps__hashcode"/],
      [(request) => give(request, eurekaAnswer([], 'UP_2_')), /lists nothing, and counts UP_2_/],
      [(request) => give(request, { applications: { apps__hashcode: '', application: 3 } }), /is not a list/],
      [(request) => give(request, { applications: { apps__hashcode: '', application: [{}] } }), /has no name/],
      [(request) => request.raw(200, 'not zipped', { 'content-encoding': 'gzip' }), /incorrect header check/],
      [(request) => request.raw(301, ''), /answered 301/],
      [(request) => request.raw(401, ''), /answered 401: it wants a user and a password/],
      [(request) => request.raw(403, ''), /answered 403: it refuses: a server that has just started/],
      [(request) => request.raw(404, ''), /answered 404: .*discovery\.eureka\.prefix/],
      [(request) => request.raw(502, 'x'.repeat(100_000)), /answered 502: it failed \(it says: x{200}\)/],
      [(request) => request.reset(), /can't be asked/],
    ];
    for (const [fault, message] of bad) {
      fault(await later(40_000));
      assert.match((await bed.sink.nextFailure()).message, message);
    }
    give(await later(40_000), ONE);
    assert.equal((await bed.sink.nextSet()).length, 1);
  });

  it('leaves out instances that can not be used; where no other is left, that is a failure', async () => {
    watch();
    const lost = eurekaEntry(1, { ipAddr: '', hostName: 'a b' });
    give(await question(), eurekaAnswer([lost, eurekaEntry(2)], 'UP_2_'));
    assert.deepEqual(ports(await bed.sink.nextSet()), [2]);
    assert.match(bed.log.events[0]?.message ?? '', /eureka web: left out: instance "web-1" has no address/);
    const portless = eurekaEntry(2, { port: { $: 0, '@enabled': 'true' }, lastUpdatedTimestamp: '2000' });
    give(await later(), eurekaAnswer([portless], 'UP_2_', 2));
    assert.match((await bed.sink.nextFailure()).message, /no instance that can be used: .*no (?:address|usable port)/);
  });

  it('leaves out what is no instance, says so, and follows the others by deltas as before', async () => {
    watch();
    const nameless = eurekaEntry(3, { instanceId: undefined, hostName: undefined });
    const first = eurekaAnswer([5, eurekaEntry(1), { instanceId: 'x' }, nameless], 'UNKNOWN_2_UP_2_');
    give(await question(), first);
    const told = await bed.sink.told.next();
    assert.ok(told.kind === 'set' && told.doubt === undefined);
    assert.deepEqual(ports(told.members), [1]);
    const said = bed.log.events[0]?.message ?? '';
    for (const clause of [/"#0" is not an object/, /"x" has no status/, /"#3" has no id/]) assert.match(said, clause);
    const delta = await later();
    assert.equal(delta.path, '/eureka/apps/delta');
    give(delta, eurekaAnswer([eurekaEntry(2)], 'UNKNOWN_2_UP_3_', 2));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 2]);
    give(await later(), eurekaAnswer([nameless], 'UNKNOWN_2_UP_4_', 3));
    const whole = await question();
    assert.equal(whole.path, '/eureka/apps', 'which one it is can not be told');
    give(whole, eurekaAnswer([eurekaEntry(2)], 'UP_1_', 3));
    assert.deepEqual(ports(await bed.sink.nextSet()), [2]);
  });

  it('does not believe an answer that lists less than it counts', async () => {
    watch();
    give(await question(), eurekaAnswer([eurekaEntry(1)], 'UP_2_'));
    const told = await bed.sink.told.next();
    assert.match((told.kind === 'set' && told.doubt) || '', /hash does not fit/);
  });

  it('reads lists of one that are no lists, numbers that are texts, and bare ports', async () => {
    watch();
    const instance = eurekaEntry(1, { port: '81', securePort: null });
    give(await question(), { applications: { apps__hashcode: 'UP_1_', application: { name: 'web', instance } } });
    assert.deepEqual(ports(await bed.sink.nextSet()), [81]);
  });

  it('takes the port that is asked for', async () => {
    const secure = new RecordingSink<Node>();
    watch('web', { port: 'plain' });
    watch('web', { port: 'secure' }, secure);
    const on = { $: '8443', '@enabled': true };
    give(await question(), eurekaAnswer([eurekaEntry(1), eurekaEntry(2, { securePort: on })], 'UP_2_'));
    assert.deepEqual(ports(await bed.sink.nextSet()), [1, 2]);
    assert.deepEqual(ports(await secure.nextSet()), [8443]);
    assert.match(bed.log.events[0]?.message ?? '', /instance "web-1" has no secure port/);
  });

  it('reads weights and the zone of the data centre, and of two at one address takes the later', async () => {
    watch();
    const dataCenterInfo = { name: 'Amazon', metadata: { 'availability-zone': 'eu-1a' } };
    const old = eurekaEntry(1, { instanceId: 'old', metadata: { weight: '1' } });
    const young = eurekaEntry(1, {
      ...{ instanceId: 'young', lastUpdatedTimestamp: '2000', dataCenterInfo },
      metadata: { weight: '-5', n: 3, ok: true, '@class': 'x' },
    });
    give(await question(), eurekaAnswer([old, young], 'UP_2_'));
    const [node] = await bed.sink.nextSet();
    assert.equal(node?.weight, 100);
    assert.deepEqual(node?.metadata, { zone: 'eu-1a', weight: '-5', n: '3', ok: 'true' });
  });

  it('shows the instances that a server keeps although their leases have ended, until they renew', async () => {
    watch();
    const date = 'Mon, 23 Nov 2026 04:00:00 GMT';
    const end = Date.parse(date) - DEFAULT_EUREKA.leaseSlack;
    const lease = (renewed: number) => ({ leaseInfo: { durationInSecs: 90, lastRenewalTimestamp: renewed } });
    const stale = eurekaEntry(1, lease(end - 90_001));
    const fine = eurekaEntry(2, lease(end - 89_000));
    give(await question(), eurekaAnswer([stale, fine], 'UP_2_'), { date });
    const nodes = await bed.sink.nextSet();
    assert.deepEqual(nodes.map(({ metadata }) => metadata['eureka.lease']).sort(), ['overdue', undefined]);
    assert.deepEqual(bed.log.names, ['discovery.self-preservation']);
    assert.match(bed.log.events[0]?.message ?? '', /1 of 2 instances/);
    const renewed = eurekaEntry(1, { ...lease(end), actionType: 'MODIFIED', lastUpdatedTimestamp: '2000' });
    give(await later(), eurekaAnswer([renewed], 'UP_2_', 2), { date });
    await bed.sink.nextSet();
    assert.deepEqual(bed.log.names, ['discovery.self-preservation', 'discovery.self-preservation-over']);
  });

  it('sends the user and the password of the address, and repeats them nowhere', async () => {
    create({ servers: [bed.server.address.replace('//', '//us%3Aer:p%40ss@')], prefix: '/eureka/v2/' });
    watch();
    const first = await question();
    assert.equal(first.path, '/eureka/v2/apps');
    assert.equal(first.headers.authorization, `Basic ${Buffer.from('us:er:p@ss').toString('base64')}`);
    first.raw(500, '');
    assert.doesNotMatch((await bed.sink.nextFailure()).message, /us.{0,3}er|p.{0,3}ss@/);
  });

  it('refuses what it does not know, by name', async () => {
    watch('web', { colour: 'blue' });
    watch('web', { port: 'tls' });
    watch('');
    assert.match((await bed.sink.nextFailure()).message, /discovery_args.colour is not known: Eureka takes port/);
    assert.match((await bed.sink.nextFailure()).message, /discovery_args.port is "tls"/);
    assert.match((await bed.sink.nextFailure()).message, /service_name is empty/);
    for (const servers of [[], ['127.0.0.1:8761'], ['ftp://x']]) {
      assert.throws(() => create({ servers }), /discovery\.eureka\.host/);
    }
  });

  it('tells nobody anything after the end, not even of an answer that is on its way', async () => {
    watch();
    await bed.endsSilently(await question());
  });
});
